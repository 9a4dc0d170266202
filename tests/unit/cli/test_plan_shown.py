"""`lichen plan` as a person reads it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from lichen.cli.plan import MOST_SHOWN, _draw, _show, _show_one
from lichen.protocol.admin import JobKind, JobState
from lichen.protocol.plans import (
    JobPlan,
    Likely,
    PlannedSpan,
    PlannerAccount,
    StandingPlan,
)

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
BERLIN, WORLD = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
SPENT = PlannerAccount(plans=3, nj=10**9, ng=10**6, jobs=2, saved_ng=10**9, share_of_saved=0.001)


def job(name: str = "job-1", start: float = 3.0, **more: object) -> JobPlan:
    said = {
        "job": name,
        "kind": JobKind.TRAIN,
        "state": JobState.QUEUED,
        "tenant": "t",
        "name": "load",
        "zone": "DE",
        "segments": [PlannedSpan(start=NOW + start * HOUR, end=NOW + (start + 1) * HOUR)],
        "release": NOW,
        "deadline": NOW + 12 * HOUR,
        "must_start_by": NOW + 10 * HOUR,
        "interruptible": False,
        "priority": 0,
        "seconds": Likely(median=3600, low=3000, high=4000),
        "cpu_seconds": None,
        "nj": Likely(median=10**12, low=10**11, high=10**13),
        "power_w": 4.0,
        "basis": "the median of 3 like it",
        "expected_ng": 2 * 10**9,
        "expected_ng_low": 10**9,
        "expected_ng_high": 3 * 10**9,
        "at_once_ng": 5 * 10**9,
        "saved_ng": 3 * 10**9,
        "why": "it is windy then",
        "is_late": False,
        "method": "exact",
        "made_at": NOW,
    }
    return JobPlan(**{**said, **more})  # type: ignore[arg-type]


def standing(*items: JobPlan, account: PlannerAccount = SPENT) -> StandingPlan:
    return StandingPlan(
        items=list(items),
        zone="DE",
        made_at=NOW,
        method="exact",
        remarks=["the outlook ends"],
        planner=account,
    )


Shown = pytest.CaptureFixture[str]


def test_a_plan_is_read_at_a_glance(capsys: Shown) -> None:
    _show(standing(job()), BERLIN)
    said = capsys.readouterr().out
    assert "1 job in DE, planned Sun 22 Nov 10:00 (Europe/Berlin): 2 g CO2e expected, 3 g" in said
    assert "Sun 22 Nov 13:00 to Sun 22 Nov 14:00" in said
    assert "job-1: it is windy then" in said
    assert "note: the outlook ends" in said
    assert "planning cost 1 J, 1 mg so far, 0.10% of the 1 g that 2 jobs saved" in said


def test_a_plan_that_costs_more_than_running_at_once_says_so(capsys: Shown) -> None:
    _show(standing(job(saved_ng=-(10**9))), WORLD)
    assert "1 g more than at once" in capsys.readouterr().out


def test_without_an_outlook_there_are_times_and_no_grams(capsys: Shown) -> None:
    bare = job(
        expected_ng=None,
        expected_ng_low=None,
        expected_ng_high=None,
        at_once_ng=None,
        saved_ng=None,
        is_late=True,
    )
    _show(standing(bare), WORLD)
    _show_one(bare, WORLD)
    said = capsys.readouterr().out
    assert "CO2e expected" not in said
    assert "late" in said
    assert "grams: nobody foresees the grid" in said


def test_nothing_to_plan_tells_how_a_job_is_made_to_wait(capsys: Shown) -> None:
    nothing = msgspec.structs.replace(SPENT, plans=0)
    _show(standing(account=nothing), WORLD)
    said = capsys.readouterr().out
    assert "--deadline" in said
    assert "planning cost" not in said


def test_of_many_jobs_the_soonest_are_shown(capsys: Shown) -> None:
    many = [job(f"job-{at:03}", start=30 - at) for at in range(MOST_SHOWN + 5)]
    _show(standing(*many), WORLD)
    said = capsys.readouterr().out
    assert "and 5 later ones" in said
    assert "job-028" in said
    assert "job-004" not in said


def test_one_job_is_told_with_what_it_takes_and_by_when_it_must_start(capsys: Shown) -> None:
    _show_one(job(), WORLD)
    said = capsys.readouterr().out
    assert "whatever the plan, it runs from Sun 22 Nov 19:00 on" in said
    assert "takes 1 h (50 min to 1 h 6 min), 1 kJ (100 J to 10 kJ): the median of 3 like it" in said
    assert "2 g CO2e expected (1 g to 3 g), 5 g at once: saves 3 g" in said


def test_the_timeline_begins_with_the_hour_of_the_plan(capsys: Shown) -> None:
    _draw([job()], None, WORLD, 24)
    assert capsys.readouterr().out.splitlines()[-1] == "job-1  ···█········"
