"""Where the power model's constants come from, and how far they hold for servers not fitted on.

    python benchmarks/power_model.py [FOLDER_OF_THE_TABLE]

Reads the SPECpower_ssj2008 results that Cloud Carbon Footprint collected (Apache-2.0) and, where
the `tdp` extra is installed, the TDP table that codecarbon ships (MIT). Prints the constants that
stand in `lichen.energy.power.parameters`, then, by four ways of holding servers out, which share of
them the 90 % intervals cover. Exit code 1 when a constant differs or a coverage misses its goal.

Leaving one maker of servers out is the way that counts: makers choose memory, fans and power
supplies, and submit series of nearly equal machines, so random folds would find a twin of most
held-out servers among the fitted ones. Leaving out a whole family of processors says what happens
with a processor newer than the table: it has no goal, and is printed to be seen.
"""

import csv
import random
import re
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lichen.core.errors import Unavailable
from lichen.energy.power.parameters import (
    MEMORY,
    MILLI,
    SPECPOWER_2017,
    TDP_RELATION,
    Ratios,
    Spread,
)
from lichen.energy.power.processors import TdpTable, tdp_table

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
TABLE = "ccf_specpower_2007_2021.csv"
FIRST_YEAR = 2017
GOAL = (0.87, 0.93)
FOLDS, REPEATS, RESAMPLES, SEED = 10, 10, 1_000, 20261122


@dataclass(frozen=True, slots=True)
class Server:
    """One published result; watts of the whole machine at the wall."""

    maker: str
    processor: str
    chips: float
    threads: float
    memory_gb: float
    full_w: float
    idle_w: float
    tdp_w: float | None

    @property
    def family(self) -> str:
        """The generation of processors, as far as the name tells it."""
        epyc = re.search(r"EPYC \d\d\d(\d)", self.processor)
        if epyc:
            return f"EPYC 7xx{epyc[1]}"
        scalable = re.search(r"(?:Platinum|Gold|Silver) \d(\d)", self.processor)
        if scalable:
            return f"Xeon scalable x{scalable[1]}xx"
        entry = re.search(r"Xeon (E\d?)-", self.processor)
        return f"Xeon {entry[1]}" if entry else self.processor

    @property
    def socket_w(self) -> float:
        """TDP of all its sockets; not a number where the table does not know it."""
        return self.tdp_w * self.chips if self.tdp_w else float("nan")


def servers(folder: Path = SHARED, table: TdpTable | None = None) -> list[Server]:
    """The results submitted from 2017 on."""
    found = []
    with (folder / TABLE).open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            year = re.search(r"20\d\d", row["Date Submitted"])
            if year is not None and int(year[0]) >= FIRST_YEAR:
                found.append(_server(row, table))
    return found


def _server(row: dict[str, str], table: TdpTable | None) -> Server:
    def number(column: str) -> float:
        return float(row[column].replace(",", ""))

    processor = row["CPU Description"]
    named = f"AMD {processor}" if processor.startswith("EPYC") else processor
    return Server(
        maker=" ".join(row["Hardware Vendor Test Sponsor"].lower().split()[:2]),
        processor=processor,
        chips=number("Chips"),
        threads=number("Total Threads"),
        memory_gb=number("Total Memory (GB)"),
        full_w=number("avg. watts @ 100%"),
        idle_w=number("avg. watts @ active idle"),
        tdp_w=table.watts(named) if table else None,
    )


def quantiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Between the first and the last the next server of the same kind lies with 90 %.

    Ranks are out of n + 1, not of n - 1 as for the percentiles of the sample itself: one more
    server is equally likely to fall into each of the n + 1 gaps.
    """
    twentieths = statistics.quantiles(values, n=20, method="exclusive")
    return twentieths[0], twentieths[9], twentieths[18]


def memory_w_per_gb(fleet: Sequence[Server]) -> float:
    """What a GB of installed memory draws: idle watts over threads, sockets and GB, by least
    squares on watts per thread, so that a machine of 30 sockets counts no more than one of two."""
    weights = np.array([1 / one.threads for one in fleet])
    causes = np.array([[one.threads, one.chips, one.memory_gb] for one in fleet])
    idle_w = np.array([one.idle_w for one in fleet])
    solved, *_ = np.linalg.lstsq(causes * weights[:, None], idle_w * weights, rcond=None)
    return float(solved[2])


def memory_interval(fleet: Sequence[Server]) -> tuple[float, float]:
    """Its 90 % bootstrap interval, drawing whole makers."""
    chance = random.Random(SEED)  # noqa: S311 - resampling
    by_maker: dict[str, list[Server]] = {}
    for one in fleet:
        by_maker.setdefault(one.maker, []).append(one)
    groups = list(by_maker.values())
    slopes = [
        memory_w_per_gb([one for group in chance.choices(groups, k=len(groups)) for one in group])
        for _ in range(RESAMPLES)
    ]
    low, _, high = quantiles(slopes)
    return low, high


def slope_w(one: Server, _memory_w: float) -> float:
    """What a busy thread draws above idle."""
    return (one.full_w - one.idle_w) / one.threads


def base_w(one: Server, memory_w: float) -> float:
    """What a thread's share of the idle machine draws, memory apart."""
    return (one.idle_w - memory_w * one.memory_gb) / one.threads


def full_w(one: Server, _memory_w: float) -> float:
    """What a thread's share of the fully busy machine draws."""
    return one.full_w / one.threads


def idle_w(one: Server, _memory_w: float) -> float:
    """What a thread's share of the idle machine draws, memory included."""
    return one.idle_w / one.threads


Quantity = Callable[[Server, float], float]


def of_tdp(quantity: Quantity) -> Quantity:
    """The same as a share of the sockets' TDP."""
    return lambda one, memory_w: quantity(one, memory_w) * one.threads / one.socket_w


def fitted(fleet: Sequence[Server], quantity: Quantity) -> tuple[float, float, float]:
    """Low, median and high of a quantity over a fleet, whose memory's draw is fitted as well."""
    memory_w = memory_w_per_gb(fleet)
    return quantiles([quantity(one, memory_w) for one in fleet])


Split = tuple[list[Server], list[Server]]


def leave_out(fleet: Sequence[Server], group: Callable[[Server], str]) -> Iterator[Split]:
    """Fitted and held-out servers, each group held out once."""
    for name in sorted({group(one) for one in fleet}):
        yield (
            [one for one in fleet if group(one) != name],
            [one for one in fleet if group(one) == name],
        )


def random_folds(fleet: Sequence[Server]) -> Iterator[Split]:
    """Ten times ten random folds."""
    chance = random.Random(SEED)  # noqa: S311 - resampling
    for _ in range(REPEATS):
        order = chance.sample(list(fleet), len(fleet))
        for fold in range(FOLDS):
            yield [one for at, one in enumerate(order) if at % FOLDS != fold], order[fold::FOLDS]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A quantity, and the watts that are foretold with it: `whole` adds what memory draws."""

    name: str
    quantity: Quantity
    whole: Quantity
    needs_tdp: bool = False

    def by_tdp(self, name: str) -> "Estimate":
        """The same as a share of TDP."""
        return Estimate(name, of_tdp(self.quantity), of_tdp(self.whole), needs_tdp=True)


def coverage(splits: Iterator[Split], estimate: Estimate) -> tuple[float, float]:
    """Which share of held-out servers the interval covers, and how many times its low end its
    high end is, in watts of the median server."""
    inside = 0
    widths = []
    quantity = estimate.quantity
    for fit, held_out in splits:
        memory_w = memory_w_per_gb(fit)
        low, _, high = quantiles([quantity(one, memory_w) for one in fit])
        for one in held_out:
            inside += low <= quantity(one, memory_w) <= high
            memory = estimate.whole(one, memory_w) - quantity(one, memory_w)
            widths.append((high + memory) / (low + memory))
    return inside / len(widths), statistics.median(widths)


WAYS: tuple[tuple[str, Callable[[Sequence[Server]], Iterator[Split]], bool], ...] = (
    ("maker out", lambda fleet: leave_out(fleet, lambda one: one.maker), True),
    ("10 x 10 folds", random_folds, True),
    ("processor out", lambda fleet: leave_out(fleet, lambda one: one.processor), False),
    ("family out", lambda fleet: leave_out(fleet, lambda one: one.family), False),
)
SLOPE = Estimate("slope", slope_w, slope_w)
IDLE = Estimate("idle, memory by its GB", base_w, idle_w)
FULL = Estimate("full load", full_w, full_w)
ESTIMATES = (
    SLOPE,
    IDLE,
    Estimate("idle, memory unknown", idle_w, idle_w),
    FULL,
    SLOPE.by_tdp("slope, by TDP"),
    IDLE.by_tdp("idle, by TDP and GB"),
    FULL.by_tdp("full load, by TDP"),
)


@dataclass(frozen=True, slots=True)
class Covered:
    """One row of the table: by way of holding out, the share covered."""

    quantity: str
    width: float
    shares: tuple[float, ...]

    @property
    def line(self) -> str:
        """As it is printed."""
        shares = "".join(f"{100 * share:>14.1f} %" for share in self.shares)
        verdict = "kept" if self.kept else "MISSED"
        return f"{self.quantity:<26}{self.width:>9.2f}{shares}  {verdict}"

    @property
    def kept(self) -> bool:
        """Whether the ways that have a goal meet it."""
        low, high = GOAL
        return all(
            low <= share <= high
            for share, (_, _, has_goal) in zip(self.shares, WAYS, strict=True)
            if has_goal
        )


def cross_validation(fleet: Sequence[Server]) -> list[Covered]:
    """Every quantity by every way of holding out; those by TDP where the TDP is known."""
    known = [one for one in fleet if one.tdp_w]
    rows = []
    for one in ESTIMATES:
        if one.needs_tdp and not known:
            continue
        found = [coverage(split(known if one.needs_tdp else fleet), one) for _, split, _ in WAYS]
        rows.append(Covered(one.name, found[0][1], tuple(share for share, _ in found)))
    return rows


def spread(fleet: Sequence[Server], quantity: Quantity) -> Spread:
    """The constant in milliwatts, as it ships."""
    low, middle, high = fitted(fleet, quantity)
    return Spread(round(MILLI * low), round(MILLI * middle), round(MILLI * high))


def ratios(fleet: Sequence[Server], quantity: Quantity) -> Ratios:
    """The constant as a share of TDP, as it ships."""
    low, middle, high = fitted([one for one in fleet if one.tdp_w], of_tdp(quantity))
    return Ratios(round(low, 3), round(middle, 3), round(high, 3))


def constants(fleet: Sequence[Server]) -> list[tuple[str, object, object]]:
    """Name, what the table gives, what ships."""
    shipped = SPECPOWER_2017
    rows: list[tuple[str, object, object]] = [
        ("slope, mW per busy thread", spread(fleet, slope_w), shipped.slope),
        ("idle, mW per thread", spread(fleet, idle_w), shipped.idle),
        ("idle without memory, mW per thread", spread(fleet, base_w), shipped.base),
        ("full load, mW per thread", spread(fleet, full_w), shipped.full),
        ("memory, mW per GB", round(MILLI * memory_w_per_gb(fleet)), MEMORY.median_mw),
    ]
    if any(one.tdp_w for one in fleet):
        rows += [
            ("slope / TDP", ratios(fleet, slope_w), TDP_RELATION.slope),
            ("idle / TDP", ratios(fleet, idle_w), TDP_RELATION.idle),
            ("idle without memory / TDP", ratios(fleet, base_w), TDP_RELATION.base),
            ("full load / TDP", ratios(fleet, full_w), TDP_RELATION.full),
        ]
    return rows


def _print(fleet: Sequence[Server], rows: Sequence[Covered]) -> bool:
    kept = True
    print(f"{len(fleet)} servers, {len({one.maker for one in fleet})} makers of servers")
    for name, computed, shipped in constants(fleet):
        verdict = "as shipped" if computed == shipped else f"SHIPPED {shipped}"
        kept = kept and computed == shipped
        print(f"{name:<36}{computed!s:<56}{verdict}")
    low, high = memory_interval(fleet)
    print(f"memory, 90 % by bootstrap over makers: {MILLI * low:.0f} to {MILLI * high:.0f} mW/GB\n")
    print(f"{'90 % interval of':<26}{'high/low':>9}" + "".join(f"{way:>16}" for way, *_ in WAYS))
    for row in rows:
        kept = kept and row.kept
        print(row.line)
    print(f"goal: {100 * GOAL[0]:.0f} to {100 * GOAL[1]:.0f} % of servers of a maker not fitted on")
    return kept


def main(arguments: list[str]) -> int:
    """Print the tables; 1 when a constant or a coverage is not as stated."""
    folder = Path(arguments[0]) if arguments else SHARED
    if not (folder / TABLE).is_file():
        print(f"no {TABLE} in {folder}: nothing to fit")
        return 0
    try:
        table = tdp_table()
    except Unavailable as absent:
        print(f"without TDP: {absent}")
        table = None
    fleet = servers(folder, table)
    return 0 if _print(fleet, cross_validation(fleet)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
