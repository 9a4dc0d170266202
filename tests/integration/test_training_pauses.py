"""A run that is paused at each of its checkpoints ends with the same bytes, and repeats little."""

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from lichen.data.schema import Column, Dtype, Role
from lichen.data.table import Table
from lichen.frameworks import boosting
from lichen.training.forecasts.grown import MOST_FITS, NAME, Grown
from lichen.training.forecasts.run import execute
from lichen.training.forecasts.spec import ForecastSpec
from lichen.training.result import TrainingResult
from lichen.training.spending import Spending
from lichen.training.watch import NoGauge, NoWatch

DAYS, EVERY, TREES = 45, 25, 24
START = datetime(2026, 1, 5, tzinfo=UTC)
SPEC = ForecastSpec(targets=("load",), horizon=24, algorithm="lightgbm")


class Paused(BaseException):
    """The attempt ends at its checkpoint, as by SIGTERM."""


class PausingWatch(NoWatch):
    """Wants a checkpoint now and then, and ends the attempt at each; one that it resumed first."""

    def __init__(self, kept: dict[str, bytes]) -> None:
        super().__init__()
        self.kept = kept
        self.asked = 0

    @property
    def wants_checkpoint(self) -> bool:
        self.asked += 1
        return self.asked >= EVERY

    def save(self, name: str, body: bytes) -> None:
        super().save(name, body)
        raise Paused


def table() -> Table:
    random = np.random.default_rng(3)
    hours = np.arange(24 * DAYS)
    load = 50 + 10 * np.sin(2 * np.pi * hours / 24) + random.normal(size=len(hours))
    return Table(
        np.datetime64("2026-01-05", "s") + hours * np.timedelta64(3600, "s"),
        (Column("load", Dtype.NUMBER, "MW", Role.TARGET),),
        {"load": load},
    )


def pausing_always(spec: ForecastSpec) -> tuple[TrainingResult, int]:
    """The result of a run that is paused at its first checkpoint again and again; and how often."""
    kept: dict[str, bytes] = {}
    for pauses in range(100):
        try:
            return execute(spec, table(), PausingWatch(kept), NoGauge()), pauses
        except Paused:
            continue
    raise AssertionError("it never came to its end")


def test_a_run_that_pauses_at_every_checkpoint_gives_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grown: list[int] = []
    fit = boosting.fit_trees

    def counted(rows, target, settings, on_round, nursery):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        def both(trees: int) -> None:
            grown.append(trees)
            on_round(trees)

        return fit(rows, target, replace(settings, trees=TREES), both, nursery)

    monkeypatch.setattr("lichen.training.forecasts.trees.fit_trees", counted)
    whole = execute(SPEC, table(), NoWatch(), NoGauge())
    rounds = len(grown)
    grown.clear()
    paused, pauses = pausing_always(SPEC)
    assert paused.files == whole.files
    assert paused.metrics == whole.metrics
    assert pauses > 5, "at each candidate, and within the trees"
    assert len(grown) <= rounds + pauses * EVERY, "no more is done again than since the last"


def test_a_ridge_that_pauses_at_every_checkpoint_gives_the_same_bytes() -> None:
    spec = replace(SPEC, algorithm="ridge-calendar")
    paused, pauses = pausing_always(spec)
    assert paused.files == execute(spec, table(), NoWatch(), NoGauge()).files
    assert pauses == 3, "the guards and the ridge"


def test_what_was_spent_on_unfinished_trees_counts() -> None:
    watch = NoWatch()
    watch.kept[NAME] = b'{"fits": {"key": "tree"}, "spent_nj": 70, "spent_ng": 7}'
    spending = Spending(NoGauge(), watch, None)
    grown = Grown.of_earlier_attempts(spending)
    assert (grown.kept("key"), spending.earlier_nj, spending.earlier_ng) == ("tree", 70, 7)


@pytest.mark.parametrize("body", [b"", b'{"fits": 3}', b'{"fits": {"key": "tr'])
def test_trees_that_cannot_be_read_are_grown_again(body: bytes) -> None:
    watch = NoWatch()
    watch.kept[NAME] = body
    assert Grown.of_earlier_attempts(Spending(NoGauge(), watch, None)).kept("key") is None


def test_only_the_newest_fits_are_kept() -> None:
    watch = PausingWatch({})
    watch.asked = EVERY - 1
    grown = Grown(Spending(NoGauge(), watch, None), {f"{one}": "" for one in range(MOST_FITS)})
    with pytest.raises(Paused):
        grown.keep("new", "tree")
    saved = msgspec.json.decode(watch.kept[NAME])["fits"]
    assert len(saved) == MOST_FITS
    assert "0" not in saved
    assert saved["new"] == "tree"
