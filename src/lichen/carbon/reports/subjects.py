"""Who bears what: deployments, kinds of jobs and commands, each with its part of what is reserved.

Policy: what nobody's work caused (idle, overhead, work in progress, variance) is borne by all work
in proportion to its own energy, by largest remainder, so that the subjects sum to the platform.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lichen.carbon.ledger.tenant_books import HIDDEN
from lichen.carbon.reports.activity import Activity
from lichen.carbon.reports.amounts import divided
from lichen.carbon.reports.footprints import Footprint
from lichen.protocol.admin import JobKind

POLICY = (
    "idle, overhead, work in progress and rate variance of the host are borne by all work in "
    "proportion to its own energy (largest remainder: the parts sum to the whole)"
)
RUN = "run"
_COMMAND = ("command", RUN)
"""How `lichen meter run --account` ends its account."""
PLAN = "plan"
_PLANNING = ("planner", "-", PLAN)
"""How the account of the scheduler's own work ends."""
_JOBS = frozenset(JobKind)


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """A deployment, all jobs of one kind for one model or dataset, a command's runs, planning."""

    kind: str
    name: str

    @property
    def is_deployment(self) -> bool:
        """Whether its functional unit is a prediction."""
        return self.kind == "deployment"

    @property
    def title(self) -> str:
        """As a heading names it."""
        if self.name == HIDDEN:
            return f"Of other tenants: {self.kind}"
        if self.is_deployment:
            return f"Deployment {self.name}"
        if self.kind == PLAN:
            return "Planning when jobs run"
        return f"Command {self.name}" if self.kind == RUN else f"Jobs: {self.kind} {self.name}"

    @property
    def unit(self) -> str:
        """Its functional unit."""
        if self.is_deployment:
            return "request"
        return self.kind if self.kind in (RUN, PLAN) else "job"


@dataclass(frozen=True, slots=True)
class Borne:
    """A subject's own footprint, and with its part of what is shared; `own.units` is its R."""

    own: Footprint
    whole: Footprint


def subjects(activity: Activity) -> Mapping[Subject, Borne]:
    """Every subject with work in the span, by kind and name."""
    own = _own(activity.work())
    names = sorted(own)
    if not names:
        return {}
    weights = [max(0, own[name].energy.value) for name in names]
    parts = _parts(activity.shared, weights)
    return {
        name: Borne(own[name], own[name] + part) for name, part in zip(names, parts, strict=True)
    }


def _own(work: Mapping[str, Footprint]) -> dict[Subject, Footprint]:
    own: dict[Subject, Footprint] = defaultdict(Footprint)
    jobs: dict[Subject, set[str]] = defaultdict(set)
    for account, made in work.items():
        subject, job = _subject(account)
        own[subject] += made
        if job:
            jobs[subject].add(job)
    for subject, seen in jobs.items():  # a job is charged every window: its unit is the job
        own[subject] = replace(own[subject], units=len(seen))
    return own


def _subject(account: str) -> tuple[Subject, str]:
    """`work/<tenant>/<deployment or job>/<model@version>/<variant>`: whose it is, and which job."""
    _, _, name, what, variant = (*account.split("/"), "", "", "", "")[:5]
    if (what, variant) == _COMMAND:
        return Subject(RUN, name), ""
    if (name, what, variant) == _PLANNING:
        return Subject(PLAN, name), ""
    if variant in _JOBS:
        return Subject(variant, what), name
    return Subject("deployment", name), ""


def _parts(shared: Footprint, weights: list[int]) -> list[Footprint]:
    columns = [
        divided(amount, weights)
        for amount in (
            shared.energy,
            shared.facility,
            shared.operational,
            shared.grid,
            shared.embodied,
        )
    ]
    return [Footprint(*row) for row in zip(*columns, strict=True)]
