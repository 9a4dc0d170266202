"""Several executable forms of one version, each batch run by whichever is cheapest at its size.

What is cheapest is measured when the version is loaded, in CPU time of this machine: trees take
another form than encoders, one row another than 256. Every form must answer as the first does, to
within `TOLERANCE`; within one form a row's answer follows its own rules (see `Predictor`).
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from math import sqrt
from time import thread_time_ns
from typing import Protocol, runtime_checkable

import numpy as np

from lichen.core.batch import Array, Batch
from lichen.core.errors import LichenError, WorkFailed
from lichen.core.tensors import Signature
from lichen.frameworks.base import Predictor

SIZES = (1, 8, 32, 256)
"""Rows at which the forms are measured."""
RUNS = 5
_RUNS_OF_SLOW = 2
_WARM_RUNS = 2
MOST_NS = 40_000_000
"""A batch that should take the first form longer than this is not measured."""
MARGIN = 0.9
"""Another form must cost less than this share of the first's, or it is not worth its memory."""
TOLERANCE = 1e-5
"""Most that two forms may differ by, as a share of the largest answer, or of 1 if that is more."""
_CHECKED_ROWS = (1, 2, 9)
_SEED = 20260102

_log = logging.getLogger(__name__)

Costs = Mapping[str, Mapping[int, float]]
"""CPU nanoseconds of a batch, by form and by rows; a size that was not run is left out."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """One executable form: its name, and how it is loaded."""

    name: str
    load: Callable[[], Predictor]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which form runs batches of up to `rows` rows; None for all that are larger."""

    rows: int | None
    name: str


def choose(costs: Costs, first: str) -> tuple[Choice, ...]:
    """Which form is cheapest at each size; pure.

    Between two measured sizes the border is their geometric mean. The form called `first` stays
    unless another costs less than `MARGIN` of it; a size nobody was measured at follows the last.

    Args:
        costs: at least those of `first`, at the smallest size.
        first: the form that all others are compared with.
    """
    sizes = sorted(costs[first])
    winners = [_cheapest(costs, size, first) for size in sizes]
    choices = [
        Choice(int(sqrt(size * larger)), winner)
        for size, larger, winner, then in zip(sizes, sizes[1:], winners, winners[1:], strict=False)
        if winner != then
    ]
    return (*choices, Choice(None, winners[-1]))


def _cheapest(costs: Costs, size: int, first: str) -> str:
    known = {name: by_size[size] for name, by_size in costs.items() if size in by_size}
    best = min(known, key=lambda name: (known[name], name))
    return best if known[best] < MARGIN * known[first] else first


@runtime_checkable
class HasChoices(Protocol):
    """A predictor that knows which of its forms runs batches of which size."""

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Ascending in rows."""
        ...


class Runtimes:
    """A predictor that runs each batch on the form chosen for its size."""

    def __init__(self, forms: Mapping[str, Predictor], choices: Sequence[Choice]) -> None:
        """Take forms of one version that agree, and the choice among them."""
        self._forms = [forms[choice.name] for choice in choices]
        self._borders = [choice.rows for choice in choices[:-1] if choice.rows is not None]
        self._kept = list({id(form): form for form in self._forms}.values())
        self._input = self._forms[0].signature.inputs[0].name
        self._choices = tuple(choices)

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Which form runs batches of which size."""
        return self._choices

    @property
    def signature(self) -> Signature:
        """That of every form."""
        return self._forms[0].signature

    @property
    def joins_rows(self) -> bool:
        """Only if every form does."""
        return all(form.joins_rows for form in self._kept)

    def predict(self, batch: Batch) -> Batch:
        """The answer of the form that is cheapest for so many rows.

        Raises:
            WorkFailed, InvalidInput: as that form does.
        """
        rows = len(batch.arrays[self._input])
        for at, border in enumerate(self._borders):
            if rows <= border:
                return self._forms[at].predict(batch)
        return self._forms[-1].predict(batch)

    def example(self, rows: int) -> Batch:
        """As the first form makes it."""
        return self._forms[0].example(rows)

    def close(self) -> None:
        """Let go of every form."""
        for form in self._kept:
            form.close()


def fastest(first: Predictor, name: str, others: Sequence[Runtime]) -> Predictor:
    """The predictor that serves a version: forms that never win are closed again.

    Loading and measuring takes 0.1 s of CPU for a forest of 300 trees, 0.7 s for a small encoder.

    Args:
        first: the form that all others must agree with; it stays if no other is cheaper.
        name: what it is called.
        others: tried in this order; one that cannot be loaded or disagrees is left out.
    """
    forms: dict[str, Predictor] = {name: first}
    for other in others:
        loaded = _loaded(other, first)
        if loaded is not None:
            forms[other.name] = loaded
    if len(forms) == 1:
        return first
    try:
        costs = _measured(forms, name)
    except LichenError as error:
        _log.warning("runtime %s serves alone: another failed while measured: %s", name, error)
        return _alone(forms, {name})[name]
    choices = choose(costs, name)
    _log.info("runtimes by rows: %s (CPU us a batch: %s)", _said(choices), _figures(costs))
    chosen = {choice.name for choice in choices}
    kept = _alone(forms, chosen)
    return Runtimes(kept, choices) if len(choices) > 1 else kept[choices[0].name]


def as_chosen(
    first: Predictor, name: str, others: Sequence[Runtime], choices: Sequence[Choice]
) -> Predictor:
    """The predictor as it was chosen by an earlier loading; nothing is measured.

    Raises:
        WorkFailed: a form that was chosen cannot be loaded any more, or disagrees.
    """
    wanted = {choice.name for choice in choices}
    forms: dict[str, Predictor] = {name: first}
    for other in others:
        loaded = _loaded(other, first) if other.name in wanted else None
        if loaded is not None:
            forms[other.name] = loaded
    missing = wanted - forms.keys()
    if missing:
        raise WorkFailed(
            f"the model ran as {', '.join(sorted(missing))}, which does not load here any more: "
            "submit the job again"
        )
    kept = _alone(forms, wanted)
    return Runtimes(kept, choices) if len(choices) > 1 else kept[choices[0].name]


def _alone(forms: Mapping[str, Predictor], chosen: Set[str]) -> dict[str, Predictor]:
    """The chosen forms; the memory of the others is freed."""
    for name in forms.keys() - chosen:
        forms[name].close()
    return {name: forms[name] for name in forms if name in chosen}


def _loaded(runtime: Runtime, first: Predictor) -> Predictor | None:
    try:
        loaded = runtime.load()
    except LichenError as error:
        _log.info("runtime %s is left out: %s", runtime.name, error)
        return None
    try:
        worst = max(_difference(first, loaded, rows) for rows in _checked_rows(first))
    except LichenError as error:
        _log.warning("runtime %s is left out: %s", runtime.name, error)
    else:
        if worst <= TOLERANCE:
            return loaded
        _log.warning("runtime %s is left out: its answers differ by %.1e", runtime.name, worst)
    loaded.close()
    return None


def _checked_rows(first: Predictor) -> list[int]:
    """One row and some; fewer where a row takes so long that loading would."""
    row_ns = _row_ns(first)
    return [rows for rows in _CHECKED_ROWS if rows <= 2 or rows * row_ns <= MOST_NS]


def _row_ns(predictor: Predictor) -> int:
    """CPU nanoseconds of one row, the first time."""
    batch = _varied(predictor, 1)
    started = thread_time_ns()
    predictor.predict(batch)
    return thread_time_ns() - started


def _difference(first: Predictor, other: Predictor, rows: int) -> float:
    """The largest difference of two forms, as `TOLERANCE` counts it."""
    batch = _varied(first, rows)
    expected, found = first.predict(batch), other.predict(batch)
    if set(expected) != set(found):
        return np.inf
    return max(_apart(expected[name], found[name]) for name in expected)


def _apart(expected: Array, found: Array) -> float:
    if expected.shape != found.shape or expected.dtype != found.dtype:
        return np.inf
    if expected.dtype.kind != "f":
        return 0.0 if np.array_equal(expected, found) else np.inf
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    apart = float(np.max(np.abs(expected - found), initial=0.0)) / scale
    return np.inf if np.isnan(apart) else apart


def _measured(forms: Mapping[str, Predictor], first: str) -> Costs:
    """The least CPU of this thread in a few runs, warm; the forms take turns on equal batches."""
    costs: dict[str, dict[int, float]] = {name: {} for name in forms}
    last = 0
    for size in SIZES:
        if last and costs[first][last] * size / last > MOST_NS:
            break
        runs = RUNS if last or _row_ns(forms[first]) <= MOST_NS else _RUNS_OF_SLOW
        batches = [_varied(forms[first], size, seed) for seed in range(runs)]
        for form in forms.values():
            for batch in batches[:_WARM_RUNS]:  # OpenVINO compiles for a shape while it first runs
                form.predict(batch)
        for name, took in _runs(forms, batches):
            costs[name][size] = min(took, costs[name].get(size, took))
        last = size
    return costs


def _runs(forms: Mapping[str, Predictor], batches: Sequence[Batch]) -> Iterator[tuple[str, float]]:
    """Each form with each batch, and the CPU nanoseconds that it took."""
    for batch in batches:
        for name, form in forms.items():
            started = thread_time_ns()
            form.predict(batch)
            yield name, float(thread_time_ns() - started)


def _varied(predictor: Predictor, rows: int, seed: int = 0) -> Batch:
    """Examples whose numbers differ from row to row: trees are cheap on one row repeated."""
    random = np.random.default_rng((_SEED, rows, seed))
    return Batch(
        {
            name: random.standard_normal(values.shape).astype(values.dtype)
            if values.dtype.kind == "f"
            else values
            for name, values in predictor.example(rows).items()
        }
    )


def _said(choices: Sequence[Choice]) -> str:
    return ", ".join(
        f"{choice.name} up to {choice.rows}" if choice.rows else choice.name for choice in choices
    )


def _figures(costs: Costs) -> str:
    return "; ".join(
        f"{name} " + " ".join(f"{size}:{ns / 1000:.0f}" for size, ns in by_size.items())
        for name, by_size in costs.items()
    )
