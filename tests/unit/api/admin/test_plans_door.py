"""`/plans` at the door: what is intended, of whose jobs, and why nothing is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

import httpx
import pytest

from lichen.api.admin_routes import Plane
from lichen.control.intentions import Intentions, StandingIntention, Totals
from lichen.control.plan_diary import PlanDiary, written
from lichen.control.planning.plan import Intention, Method, Segment
from lichen.control.transitions import Cancel, JobRecord
from lichen.core.clock import ManualClock
from lichen.protocol.admin import JobKind
from lichen.protocol.scheduling import Schedule
from lichen.security.identity import Role
from lichen.store.documents import MemoryDocuments

HOUR = timedelta(hours=1)


class House(Protocol):
    plane: Plane
    clock: ManualClock
    documents: MemoryDocuments

    def caller(self, role: Role | None = Role.ADMIN, tenant: str = "default") -> httpx.Client: ...


Submit = Callable[..., JobRecord]


@pytest.fixture
def submit(house: House) -> Submit:
    def make(tenant: str = "default", *, green: bool = True) -> JobRecord:
        now = house.clock.now()
        schedule = Schedule(release=now, deadline=now + 12 * HOUR, green=green)
        return house.plane.jobs.submit(
            JobKind.TRAIN, {"data": "vic", "name": "m"}, tenant, schedule=schedule
        )

    return make


def plan(house: House, *jobs: JobRecord, foreseen: bool = True) -> None:
    now = house.clock.now()
    rows = [
        StandingIntention(
            intention=Intention(
                job_id=job.id,
                zone="DE",
                segments=(Segment(now + 3 * HOUR, now + 4 * HOUR),),
                expected_g=2.0 if foreseen else None,
                low_g=1.5 if foreseen else None,
                high_g=3.0 if foreseen else None,
                at_once_g=5.0 if foreseen else None,
                why="it is windy then",
            ),
            made_at=now,
            method=Method.EXACT,
            must_start_by=now + 9 * HOUR,
            fence=1,
            totals=Totals(2.5, 5.0, 0.1) if foreseen else None,
        )
        for job in jobs
    ]
    diary = PlanDiary(made_at=now, method=Method.EXACT, remarks=("r",), plans=3, nj=9, ng=7)
    house.documents.commit([*Intentions(house.documents).replace(rows), *written(diary)])


def test_before_the_first_plan_there_is_an_empty_one(admin: httpx.Client) -> None:
    standing = admin.get("/plans").json()
    assert (standing["items"], standing["made_at"], standing["zone"]) == ([], None, "DE")
    assert standing["planner"]["share_of_saved"] is None


def test_a_plan_tells_when_for_how_many_grams_and_why(
    house: House, admin: httpx.Client, submit: Submit
) -> None:
    job = submit()
    plan(house, job)
    standing = admin.get("/plans").json()
    assert (standing["method"], standing["remarks"]) == ("exact", ["r"])
    (one,) = standing["items"]
    assert one["segments"] == [{"start": "2026-01-01T03:00:00Z", "end": "2026-01-01T04:00:00Z"}]
    assert (one["expected_ng"], one["at_once_ng"], one["saved_ng"]) == (
        2_500_000_000,
        5_000_000_000,
        2_500_000_000,
    )
    assert (one["expected_ng_low"], one["expected_ng_high"]) == (2_000_000_000, 3_500_000_000)
    assert (one["why"], one["name"], one["must_start_by"]) == (
        "it is windy then",
        "m",
        "2026-01-01T09:00:00Z",
    )
    assert one["basis"].startswith("assumed")
    assert admin.get(f"/plans/{job.id}").json() == one


def test_a_job_shows_what_is_planned_of_it(
    house: House, admin: httpx.Client, submit: Submit
) -> None:
    job = submit()
    assert admin.get(f"/jobs/{job.id}").json()["planned"] is None
    plan(house, job)
    for shown in (admin.get(f"/jobs/{job.id}").json(), admin.get("/jobs").json()["items"][0]):
        assert shown["planned"]["starts_at"] == "2026-01-01T03:00:00Z"
        assert shown["planned"]["saved_ng"] == 2_500_000_000


def test_where_nobody_foresees_the_grid_grams_are_absent_not_0(
    house: House, admin: httpx.Client, submit: Submit
) -> None:
    job = submit()
    plan(house, job, foreseen=False)
    one = admin.get(f"/plans/{job.id}").json()
    assert [one[name] for name in ("expected_ng", "at_once_ng", "saved_ng")] == [None] * 3


def test_a_plan_is_read_page_by_page(house: House, admin: httpx.Client, submit: Submit) -> None:
    jobs = [submit() for _ in range(3)]
    plan(house, *jobs)
    first = admin.get("/plans", params={"limit": 2}).json()
    second = admin.get("/plans", params={"limit": 2, "cursor": first["next"]}).json()
    found = [one["job"] for page in (first, second) for one in page["items"]]
    assert found == sorted(job.id for job in jobs)
    assert second["next"] is None


def test_others_plans_are_not_shown(house: House, submit: Submit) -> None:
    mine, theirs = submit("a"), submit("b")
    plan(house, mine, theirs)
    caller = house.caller(Role.VIEWER, "a")
    assert [one["job"] for one in caller.get("/plans").json()["items"]] == [mine.id]
    assert caller.get(f"/plans/{theirs.id}").status_code == 403


def test_a_job_that_has_ended_leaves_the_plan_at_once(
    house: House, admin: httpx.Client, submit: Submit
) -> None:
    job = submit()
    plan(house, job)
    house.plane.jobs.apply(job.id, Cancel())
    assert admin.get("/plans").json()["items"] == []
    answer = admin.get(f"/plans/{job.id}")
    assert answer.status_code == 404
    assert "it has ended (cancelled)" in answer.json()["detail"]


def test_why_nothing_is_planned(admin: httpx.Client, submit: Submit) -> None:
    says = admin.get(f"/plans/{submit(green=False).id}").json()["detail"]
    assert "without waiting for a cleaner grid" in says
    says = admin.get(f"/plans/{submit().id}").json()["detail"]
    assert "the planner has not spoken yet" in says
    assert admin.get("/plans/none").status_code == 404
