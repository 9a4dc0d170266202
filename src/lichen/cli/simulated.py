"""What came of a simulation, for people: progress, a short table, and the jobs as CSV."""

import csv
import io
import sys
import time
from collections.abc import Sequence

import click

from lichen.cli.output import print_table
from lichen.cli.progress import BAR_CELLS, CLEAR_LINE, SHOWN_AFTER_SECONDS
from lichen.control.simulation.outcome import JobOutcome, Simulation
from lichen.core.clock import rfc3339
from lichen.core.units import readable


class SimulationBar:
    """One line on a terminal's standard error, once it takes over a second."""

    def __init__(self) -> None:
        self._began = self._drawn_at = time.monotonic()
        self._drawn = False

    def __enter__(self) -> "SimulationBar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            sys.stderr.write(CLEAR_LINE)
            sys.stderr.flush()

    def draw(self, share: float) -> None:
        """Draw how much is done, ten times a second at most."""
        now = time.monotonic()
        waited = now - self._began
        if waited < SHOWN_AFTER_SECONDS or now - self._drawn_at < 0.1 or not sys.stderr.isatty():
            return
        self._drawn_at, self._drawn = now, True
        cells = "#" * round(BAR_CELLS * share)
        line = f"[{cells:.<{BAR_CELLS}}] {share:4.0%} of the jobs are done · {waited:.0f} s"
        sys.stderr.write(CLEAR_LINE + line)
        sys.stderr.flush()


def table_of(jobs: Sequence[JobOutcome]) -> str:
    """The jobs as CSV, one a row; segments as `start/end@zone`, with spaces between."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(("id", "segments", "grams", "grams_at_once", "grams_clairvoyant", "nj", "late_s"))
    for job in jobs:
        spans = " ".join(
            f"{rfc3339(one.start)}/{rfc3339(one.end)}@{one.zone}" for one in job.segments
        )
        grams = [f"{one:.6f}" for one in (job.grams, job.grams_at_once, job.grams_clairvoyant)]
        rows.writerow((job.id, spans, *grams, job.nj, job.late_s))
    return file.getvalue()


def show_simulation(done: Simulation) -> None:
    """The totals as a short table, and what to know of them."""
    totals = done.totals
    print_table(
        ("gCO2e", "grams", "saved"),
        [
            ("at once", f"{totals.grams_at_once:.1f}", None),
            (done.forecast, f"{totals.grams:.1f}", _percent(totals.grams_at_once, totals.grams)),
            (
                "clairvoyant",
                f"{totals.grams_clairvoyant:.1f}",
                _percent(totals.grams_at_once, totals.grams_clairvoyant),
            ),
        ],
    )
    if totals.share is not None:
        within = "jobs of one week alone: no interval"
        if totals.share_low is not None and totals.share_high is not None:
            within = f"90 %: {totals.share_low:.3f} to {totals.share_high:.3f}"
        click.echo(f"{totals.share:.3f} of the clairvoyant saving ({within})")
    click.echo(
        f"{totals.jobs} jobs, {readable(totals.nj, 'J')}, {totals.pauses} pauses, "
        f"{totals.late} late"
    )
    effort = totals.planner
    share = f", {effort.share_of_saving:.3%} of what it saved" if effort.share_of_saving else ""
    click.echo(
        f"planning: {effort.plans} plans, {effort.cpu_seconds:.2f} CPU-s, "
        f"{readable(effort.nj, 'J')} modelled, {effort.grams:.3g} gCO2e{share}"
    )
    for remark in done.remarks:
        click.echo(f"note: {remark}")


def _percent(before: float, after: float) -> str:
    return f"{100 * (before - after) / before:.2f} %" if before else "-"
