"""To whom a running script speaks: its job in a platform, or nobody but its own folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lichen.core.units import grams, joules
from lichen.frameworks.importing.conversion import Conversion


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run has cost so far, in nanojoules and nanograms of CO2e (None: not known, M5)."""

    nj: int
    ng: int | None

    @property
    def joules(self) -> float:
        """The energy in joules."""
        return joules(self.nj)

    @property
    def grams(self) -> float | None:
        """The carbon in grams of CO2e."""
        return None if self.ng is None else grams(self.ng)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A model to register, and what the script says of it.

    Attributes:
        model: its files, and what its library answers.
        columns: names of its input's values; empty: none.
        labels: names of its output's values; empty: none.
        classes: what its output's values are the probabilities of; empty: it is no classifier.
        metrics: scores by name.
    """

    model: Conversion
    columns: Sequence[str] = ()
    labels: Sequence[str] = ()
    classes: Sequence[str] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)


class Desk(Protocol):
    """Hears of a run, and keeps what it makes."""

    @property
    def should_stop(self) -> bool:
        """Whether the run is to save what it has, and end."""
        ...

    def log(self, step: int | None, values: Mapping[str, float]) -> None:
        """Keep metrics of a step."""
        ...

    def progress(self, fraction: float) -> None:
        """Take note of how far the run is, 0 to 1."""
        ...

    def spent(self) -> Spent | None:
        """What the run has cost so far; None where nothing meters it (M5)."""
        ...

    def register(self, asked: Registration) -> str:
        """Check, try and keep the model; what it is called.

        Raises:
            InvalidInput: it cannot be served.
        """
        ...
