"""Training on ten tables: Lichen beside FLAML and a search of 100 trials that nobody stops.

    python benchmarks/training.py [--seconds 60] [--trials 100] [--most-seconds inf]
        [--seeds 1] [SET ...]

Every side trains on the same rows with one thread in a process of its own, is told the same metric,
and answers the same rows, which it never saw. FLAML's budget and all times are CPU-seconds of the
training alone, so that a busy machine changes nothing; a joule is 3.8 W a busy thread (rule M2)
for every side. `--most-seconds` ends the search of `--trials` after so many CPU-seconds; how many
trials it made by then stands beside what it chose, and a trial that was cut off counts for nothing.
Sets of `../shared/data` are left out where it is not.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
from contest.environments import pinned, python_of
from numpy.typing import NDArray
from run import ONE_THREAD, machine
from tables.sets import SETS, SHARED, Table

from lichen.evaluation.classification import SCORES, Answers
from lichen.evaluation.intervals import bootstrap
from lichen.evaluation.regression import Predictions, r2

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "tables" / "requirements"
SMALL_ROWS, FEW_GROUPS = 2_000, 100
"""Sets of fewer are split anew for each seed: a few rows, or runs, to score on say little."""

LICHEN, FLAML, UNTIMED = "lichen", "flaml", "untimed"


@dataclass(frozen=True, slots=True)
class Row:
    """What one side did on one set."""

    name: str
    side: str
    metric: str
    algorithm: str
    trials: int | None
    score: float
    low: float
    high: float
    cpu_s: float
    nj_per_prediction: float


def main() -> int:
    """Run and print; 0 whatever the goals say: they are stated under the table."""
    asked = _options()
    names = [name for name in SETS if not asked.sets or name in asked.sets]
    print(f"# {machine()}; lichen {version('lichen')}, flaml {pinned('flaml', REQUIREMENTS)}")
    print(
        f"# {asked.seconds:g} s for FLAML, {asked.trials} trials untimed, "
        f"{asked.most_seconds:g} CPU-s of them at most, {asked.seeds} seeds\n"
    )
    print(HEADER, flush=True)
    rows: list[Row] = []
    for name in names:
        for row in _on(name, asked):
            rows.append(row)
            print(_line(row), flush=True)
    print(_summary(rows))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--most-seconds", type=float, default=float("inf"))
    parser.add_argument("--seeds", type=int, default=1)
    return parser.parse_args()


def _on(name: str, asked: argparse.Namespace) -> list[Row]:
    try:
        table = SETS[name]()
    except OSError:
        print(f"| {name} | left out: {SHARED} is not there |")
        return []
    is_small = len(table.target) < SMALL_ROWS or (
        table.groups is not None and len(np.unique(table.groups)) < FEW_GROUPS
    )
    seeds = range(asked.seeds if is_small else 1)
    rows = []
    for side in _sides(asked):
        found = [_run(table, seed, side, asked) for seed in seeds]
        rows.append(_row(name, side, table, found))
    return rows


def _sides(asked: argparse.Namespace) -> list[str]:
    with_untimed = [UNTIMED] if asked.trials else []
    return [LICHEN, *([FLAML] if asked.seconds else []), *with_untimed]


def _run(table: Table, seed: int, side: str, asked: argparse.Namespace) -> tuple[Any, ...]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        truth = _pack(table, seed, folder)
        command = {
            LICHEN: lambda: [sys.executable, HERE / "tables" / "ours.py", folder],
            UNTIMED: lambda: [
                sys.executable,
                HERE / "tables" / "ours.py",
                folder,
                asked.trials,
                asked.most_seconds,
            ],
            FLAML: lambda: [
                python_of("flaml", REQUIREMENTS),
                HERE / "tables" / "flaml_side.py",
                folder,
                str(asked.seconds),
            ],
        }[side]()  # fmt: skip
        environment = {**os.environ, **ONE_THREAD}
        paths = [str(HERE), environment.get("PYTHONPATH", "")] if side != FLAML else [str(HERE)]
        environment["PYTHONPATH"] = os.pathsep.join(one for one in paths if one)
        subprocess.run([str(part) for part in command], env=environment, check=True)
        said = json.loads((folder / "said.json").read_text())
        return said, truth, np.load(folder / "answers.npy")


def _pack(table: Table, seed: int, folder: Path) -> NDArray[Any]:
    """Write the task for a side; the truth of the rows to score on stays here."""
    fold = table.split(seed)
    arrays = {f"fit column {name}": one[fold.fit] for name, one in table.columns.items()}
    arrays |= {f"score column {name}": one[fold.held] for name, one in table.columns.items()}
    arrays["fit target"] = table.target[fold.fit]
    if table.groups is not None:
        arrays["fit groups"] = table.groups[fold.fit]
    if table.times is not None:
        arrays["fit times"] = table.times[fold.fit]
    np.savez(folder / "task.npz", **arrays)
    task = {"metric": table.metric, "is_classes": table.is_classes, "seed": seed}
    (folder / "task.json").write_text(json.dumps(task))
    return table.target[fold.held]


def _scorer(
    table: Table, truth: NDArray[Any], answers: NDArray[Any]
) -> Callable[[NDArray[Any]], float]:
    if not table.is_classes:
        return lambda weights: r2(Predictions(truth, answers.reshape(-1), weights))
    classes = np.searchsorted(np.unique(table.target), truth)
    return lambda weights: SCORES[table.metric][0](Answers(classes, answers, weights))


def _row(name: str, side: str, table: Table, found: Sequence[tuple[Any, ...]]) -> Row:
    scores, lows, highs = [], [], []
    for _, truth, answers in found:
        score = _scorer(table, truth, answers)
        interval = bootstrap(score, len(truth))
        scores.append(score(np.ones(len(truth))))
        lows.append(interval.low if interval else np.nan)
        highs.append(interval.high if interval else np.nan)
    said = [one for one, _, _ in found]
    return Row(
        name,
        side,
        table.metric,
        "/".join(dict.fromkeys(str(one["algorithm"]) for one in said)),
        said[0].get("trials"),
        mean(scores),
        float(np.mean(lows)),
        float(np.mean(highs)),
        mean(one["cpu_s"] for one in said),
        mean(one["nj_per_prediction"] or 0 for one in said),
    )


HEADER = (
    "| set | side | chosen | score | 95 % interval | CPU-s | J to train | mJ a prediction |\n"
    "|---|---|---|---|---|---|---|---|"
)


def _line(row: Row) -> str:
    side = row.side if row.trials is None else f"{row.side}, {row.trials} trials"
    return (
        f"| {row.name} | {side} | {row.algorithm} | {row.metric} {row.score:.4f} "
        f"| {row.low:.4f} to {row.high:.4f} | {row.cpu_s:.2f} | {row.cpu_s * 3.8:.1f} "
        f"| {row.nj_per_prediction / 1e6:.3f} |"
    )


def _summary(rows: Sequence[Row]) -> str:
    """How far behind, and at what share of the work, set by set and in the middle."""
    lines = []
    for side, share in ((FLAML, 1 / 3), (UNTIMED, 1 / 10)):
        pairs = [
            (one, other)
            for one in rows
            for other in rows
            if one.side == LICHEN and other.side == side and one.name == other.name
        ]
        if not pairs:
            continue
        behind = [100 * (other.score - one.score) for one, other in pairs]
        work = [one.cpu_s / other.cpu_s for one, other in pairs]
        per_set = ", ".join(
            f"{one.name} {lag:+.2f} % at {cost:.0%}"
            for (one, _), lag, cost in zip(pairs, behind, work, strict=True)
        )
        lines.append(
            f"\nAgainst {side}: behind by {median(behind):+.2f} points of a hundred in the middle "
            f"(goal 0.5), {max(behind):+.2f} at worst, at {median(work):.1%} of its CPU-seconds in "
            f"the middle (goal {share:.0%}), {sum(one.cpu_s for one, _ in pairs):.0f} of "
            f"{sum(other.cpu_s for _, other in pairs):.0f} in all.\n  {per_set}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
