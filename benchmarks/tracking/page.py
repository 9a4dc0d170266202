"""The results as a table, and as a page of the documentation."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tracking.peers import LICHEN, Peer
from tracking.runs import CORES, SPAN, TASKS, Plan, Results

HEADINGS = (
    "tracker",
    "start-up, CPU-s",
    "start-up, s",
    "a 1 ms task, CPU µs more",
    *(f"{cores} busy, J" for cores in CORES),
    "2nd core / 1st",
    "100 at once: parts / whole",
)
NOTHING = "-"

TEMPLATE = Path(__file__).with_name("page.md")


def rows_of(peers: Sequence[Peer], results: Results) -> list[tuple[str, ...]]:
    """The cells of the table."""
    rows = []
    for peer in peers:
        if peer.name in results.skipped:
            continue
        if peer is LICHEN:
            rows.append(_row(peer, results, "Lichen: charged to the work", "attributed_j"))
            rows.append(_row(peer, results, "Lichen: the whole host", "total_j", again=True))
        else:
            rows.append(_row(peer, results, f"{peer.shown} {peer.version}", "total_j"))
    return rows


def _row(
    peer: Peer, results: Results, shown: str, key: str, *, again: bool = False
) -> tuple[str, ...]:
    """One line; `again` leaves out what the line before said of the same tracker."""
    costs = (
        _cell(results.startup(peer, "startup_cpu_s"), 2),
        _cell(results.startup(peer, "startup_wall_s"), 2),
        _cell(results.middle(peer, TASKS, "task_cpu_us"), 1),
    )
    return (
        shown,
        *(("", "", "") if again else costs),
        *(_cell(results.middle(peer, SPAN, key, cores), 1) for cores in CORES),
        _cell(results.linearity(peer, key), 2),
        "" if again else _cell(results.over_count(peer), 2),
    )


def _cell(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def table(peers: Sequence[Peer], results: Results) -> str:
    """The table in Markdown, padded so that it reads well on a terminal too."""
    rows = [HEADINGS, *rows_of(peers, results)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADINGS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def skipped(results: Results) -> str:
    """Who is missing, and why."""
    return "".join(f"- not run: {name}: {reason}\n" for name, reason in results.skipped.items())


def page(
    peers: Sequence[Peer], results: Results, plan: Plan, told: tuple[str, Sequence[str]]
) -> str:
    """The whole page; `told` is the machine and the arguments of the run."""
    machine, arguments = told
    return TEMPLATE.read_text(encoding="utf-8").format(
        date=datetime.now(UTC).date(),
        arguments="".join(f" {one}" for one in arguments),
        repeats=plan.repeats,
        seconds=plan.seconds,
        tasks=plan.tasks,
        machine=machine,
        kernel=platform.release(),
        table=table(peers, results),
        nothing=NOTHING,
        skipped=skipped(results),
        driven="\n".join(
            f"| {peer.shown} | {peer.version} | {peer.how} | {peer.network} |" for peer in peers
        ),
    )
