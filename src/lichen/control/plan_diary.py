"""What the planner keeps of itself: its last plan, what all of them cost, and what they saved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from lichen.control.intentions import PLANNER
from lichen.control.planning.plan import Method
from lichen.store.documents import Change, DocumentStore

DIARY = "diary"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDiary:
    """Sums over all lives of the platform.

    Attributes:
        made_at: when the last plan was made; None before the first.
        method: how it was found.
        remarks: what there is to say of it.
        plans: how many were made.
        nj: nanojoules of making them.
        ng: nanograms of CO2e of making them.
        saved_ng: nanograms that jobs saved which have ended, by their receipts, against running at
            once as that was foreseen; below 0 where waiting cost more.
        jobs: how many those were.
    """

    made_at: datetime | None = None
    method: Method | None = None
    remarks: tuple[str, ...] = ()
    plans: int = 0
    nj: int = 0
    ng: int = 0
    saved_ng: int = 0
    jobs: int = 0

    @property
    def share_of_saved(self) -> float | None:
        """Grams of planning for each gram saved; None before anything was."""
        return self.ng / self.saved_ng if self.saved_ng > 0 else None


def read_diary(documents: DocumentStore) -> PlanDiary:
    """The diary as it stands."""
    document = documents.get(PLANNER, DIARY)
    return PlanDiary() if document is None else msgspec.json.decode(document.body, type=PlanDiary)


def written(diary: PlanDiary) -> Sequence[Change]:
    """What keeps it; committed under the planner's fence, so that it has one writer."""
    return [Change(PLANNER, DIARY, msgspec.json.encode(diary))]
