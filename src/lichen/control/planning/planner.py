"""The one door of the planner: workloads, outlooks and places in, a plan out."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from lichen.carbon.outlook.ensemble import Ensemble
from lichen.control.planning.plan import Intention, Method, Plan, Segment
from lichen.control.planning.policy import PlanPolicy
from lichen.control.planning.workload import Site, Workload

DEFAULT_POLICY = PlanPolicy()


def plan(
    workloads: Sequence[Workload],
    outlooks: Mapping[str, Ensemble],
    sites: Sequence[Site],
    now: datetime,
    policy: PlanPolicy = DEFAULT_POLICY,
) -> Plan:
    """When and where each job is to run; pure: the same arguments give the same plan.

    Args:
        workloads: what is left of each unfinished job, in any order.
        outlooks: by zone; a zone that is missing is one of which nothing is known.
        sites: the places where jobs run.
        now: the plan holds from here on.
        policy: the knobs.
    """
    del outlooks, sites, policy
    return Plan(
        made_at=now,
        method=Method.EXACT,
        intentions=tuple(_at_once(one, now) for one in workloads),
    )


def _at_once(workload: Workload, now: datetime) -> Intention:
    start = max(now, workload.release)
    end = start + workload.duration
    return Intention(
        job_id=workload.id,
        zone=workload.running_in or next(iter(workload.zones), ""),
        segments=(Segment(start, end),),
        expected_g=None,
        low_g=None,
        high_g=None,
        at_once_g=None,
        why="runs at once",
        is_late=end > workload.deadline,
    )
