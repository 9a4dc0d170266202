"""The jobs of P. Wiesner et al., "Let's Wait Awhile" (Middleware 2021), for any year, as a CSV.

Written anew from what the paper and its simulator do. Their windows hold the step that begins at
the deadline as well: simulate with `--window-steps-beyond 1 --outside cut --replan once` at steps
of half an hour, and `--forecast noise:0.05 --repeat 10`, to get what they published.

python benchmarks/jobs_of_wiesner.py ml 2022 --deadlines next-workday > jobs.csv
python benchmarks/jobs_of_wiesner.py nightly 2022 --hours 8 > jobs.csv
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

ML_JOBS = 3387
"""Jobs of a project of machine learning in a year."""
HALF_HOUR = timedelta(minutes=30)
DAY = timedelta(days=1)
OPENS, CLOSES = 9, 17
STARTS = range(2 * OPENS, 2 * CLOSES)
"""Half-hours of the day."""
LENGTHS = range(8, 180)
"""Half-hours: 4 h to 89.5 h."""
NIGHTLY_AT = timedelta(hours=1)
POWER_W = 1000
COLUMNS = (
    "id",
    "release",
    "deadline",
    "duration_s",
    "power_w",
    "interruptible",
    "pause_cost_j",
    "start",
)
SATURDAY, SUNDAY = 5, 6
MONDAY, THURSDAY = 0, 3


@dataclass(frozen=True, slots=True)
class Job:
    """One row; `start` is when it would run if nobody planned it."""

    id: str
    release: datetime
    deadline: datetime
    duration: timedelta
    interruptible: bool
    start: datetime

    @property
    def row(self) -> tuple[object, ...]:
        times = [f"{one:%Y-%m-%dT%H:%M:%SZ}" for one in (self.release, self.deadline, self.start)]
        seconds = round(self.duration.total_seconds())
        flag = str(self.interruptible).lower()
        return (self.id, *times[:2], seconds, POWER_W, flag, 0, times[2])


def next_workday(end: datetime) -> datetime:
    """When somebody looks at a job that would end then: the end itself in office hours."""
    morning = end.replace(hour=OPENS, minute=0)
    if end.weekday() == SATURDAY:
        return morning + 2 * DAY
    if end.weekday() == SUNDAY or end > end.replace(hour=CLOSES, minute=0):
        return morning + DAY
    return morning if end.hour < OPENS else end


def twice_a_week(end: datetime) -> datetime:
    """The next Monday or Thursday morning at which a job that would end then is looked at."""
    morning = end.replace(hour=OPENS, minute=0)
    while morning < end or morning.weekday() not in (MONDAY, THURSDAY):
        morning += DAY
    return morning


DEADLINES = {"next-workday": next_workday, "twice-a-week": twice_a_week}


def ml_jobs(
    first: datetime, last: datetime, deadlines: str, *, interruptible: bool = True, seed: int = 0
) -> list[Job]:
    """Jobs that are released in office hours of the working days in [first, last)."""
    rng = np.random.default_rng(seed)
    days = [first + DAY * at for at in range((last - first) // DAY)]
    workdays = [day for day in days if day.weekday() < SATURDAY]
    counts = rng.multinomial(ML_JOBS, np.full(len(workdays), 1 / len(workdays)))
    releases = [
        day + int(start) * HALF_HOUR
        for day, count in zip(workdays, counts.tolist(), strict=True)
        for start in sorted(rng.choice(STARTS, size=count))
    ]
    jobs = []
    for number, length in enumerate(rng.choice(LENGTHS, size=ML_JOBS)):
        release, duration = releases[number], int(length) * HALF_HOUR
        deadline = DEADLINES[deadlines](release + duration)
        jobs.append(Job(f"ml-{number}", release, deadline, duration, interruptible, release))
    return jobs


def nightly_jobs(first: datetime, last: datetime, hours: float) -> Iterator[Job]:
    """Half an hour at one in the morning, so many hours sooner or later.

    The window ends so many hours after that, so the last start is half an hour before; with a
    window that is a step longer it is at its end.
    """
    span = timedelta(hours=hours)
    for night in range((last - first) // DAY):
        at = first + night * DAY + NIGHTLY_AT
        end = max(at + span, at + HALF_HOUR)
        yield Job(f"night-{night}", at - span, end, HALF_HOUR, interruptible=False, start=at)


def main() -> int:
    """Write the CSV to standard output."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("scenario", choices=["ml", "nightly"])
    asked.add_argument("year", type=int)
    asked.add_argument("--deadlines", choices=list(DEADLINES), default="next-workday")
    asked.add_argument("--one-block", action="store_true", help="ml jobs that cannot pause")
    asked.add_argument("--hours", type=float, default=8.0, help="nightly jobs: sooner or later by")
    asked.add_argument("--seed", type=int, default=0)
    said = asked.parse_args()
    first, last = (datetime(year, 1, 1, tzinfo=UTC) for year in (said.year, said.year + 1))
    jobs = (
        list(nightly_jobs(first, last, said.hours))
        if said.scenario == "nightly"
        else ml_jobs(first, last, said.deadlines, interruptible=not said.one_block, seed=said.seed)
    )
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(COLUMNS)
    rows.writerows(job.row for job in jobs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
