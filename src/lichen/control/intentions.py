"""The standing plan as rows: the planner writes them under its fence, the worker acts on them.

The planner is heard of by two documents of the collection `planner`: `plan` changes with every
replacement of the rows, and `role` each time that it renews its lease. Who acts on the rows reads
those two alone until one changed, and knows by them how long the planner has been silent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from lichen.control.planning.plan import Intention, Method
from lichen.store.documents import Change, DocumentStore, scan_all

INTENTIONS = "intentions"
PLANNER = "planner"
PLAN, ROLE = "plan", "role"


@dataclass(frozen=True, slots=True)
class Totals:
    """Of a whole job, what has run of it included; it stands still while the job runs.

    Attributes:
        expected_g: gCO2e of what was done so far and of what is intended.
        at_once_g: gCO2e of the same joules, run at once when the job was released, as was foreseen
            then.
        at_once_g_per_j: the same by the joule.
    """

    expected_g: float
    at_once_g: float
    at_once_g_per_j: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingIntention:
    """What stands for one job until the next plan; a row of the collection `intentions`.

    Attributes:
        intention: when, where, for how many grams, and why.
        made_at: when the plan was made.
        method: how it was found.
        must_start_by: the last moment at which the job can start, or go on, and still be done by
            its deadline at worst: the worker runs it then whatever the plan says.
        fence: of the planner that wrote it; a later planner's is higher.
        totals: of the whole job; None where nobody foresees the grid.
    """

    intention: Intention
    made_at: datetime
    method: Method
    must_start_by: datetime
    fence: int
    totals: Totals | None = None


class Intentions:
    """The standing plan, for whoever acts on it or shows it."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    def of(self, job_id: str) -> StandingIntention | None:
        """What stands for a job; None where nothing was planned."""
        document = self._documents.get(INTENTIONS, job_id)
        return None if document is None else _decoded(document.body)

    def all(self) -> Iterator[StandingIntention]:
        """Every row, by the ids of the jobs."""
        for document in scan_all(self._documents, INTENTIONS):
            yield _decoded(document.body)

    def page(self, after: str, limit: int) -> list[StandingIntention]:
        """Up to `limit` rows by the ids of the jobs, those after `after`."""
        found = self._documents.scan(INTENTIONS, after, limit)
        return [_decoded(document.body) for document in found]

    def replace(self, rows: Sequence[StandingIntention]) -> Sequence[Change]:
        """What makes these the standing plan, rows of other jobs removed; commit with the fence."""
        fresh = {row.intention.job_id: row for row in rows}
        gone = [
            Change(INTENTIONS, document.key, None)
            for document in scan_all(self._documents, INTENTIONS)
            if document.key not in fresh
        ]
        return [
            *gone,
            *(Change(INTENTIONS, key, msgspec.json.encode(row)) for key, row in fresh.items()),
            Change(PLANNER, PLAN, b""),
        ]

    def heard(self) -> tuple[int, int]:
        """Versions that grow as the rows are replaced, and as the planner's lease is renewed."""
        plan, role = (self._documents.get(PLANNER, key) for key in (PLAN, ROLE))
        return (plan.version if plan else 0), (role.version if role else 0)


def _decoded(body: bytes) -> StandingIntention:
    return msgspec.json.decode(body, type=StandingIntention)
