"""The noun `plans` for Python: when jobs that can wait are to run."""

from urllib.parse import quote

import msgspec

from lichen.client.session import Session
from lichen.protocol.plans import JobPlan, StandingPlan

_PAGE = 1000


class Plans:
    """`lichen plan`: what the scheduler intends, for how many grams, and why."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def standing(self, hours: int | None = None) -> StandingPlan:
        """The whole standing plan, and what recurs over so many hours, 48 unless said."""
        query: dict[str, str | int | None] = {"limit": _PAGE, "hours": hours}
        whole = page = self._session.get("/plans", StandingPlan, query)
        while page.next is not None:
            page = self._session.get("/plans", StandingPlan, {**query, "cursor": page.next})
            whole = msgspec.structs.replace(whole, items=[*whole.items, *page.items], next=None)
        return whole

    def show(self, job_id: str) -> JobPlan:
        """What is intended of one job.

        Raises:
            NotFound: there is no such job, or nothing is planned for it; the message says why.
        """
        return self._session.get(f"/plans/{quote(job_id, safe='')}", JobPlan)
