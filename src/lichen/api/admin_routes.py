"""What the control plane answers: one table of routes, from which the document is made too."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from lichen.api.gate import Gate
from lichen.carbon.budgets.budget import Budget
from lichen.carbon.ledger.accounts import LedgerReader
from lichen.carbon.reports.declarations import NOTHING_DECLARED, Declarations
from lichen.control.budgets import Budgets
from lichen.control.deeds import Levers
from lichen.control.experience import Experience
from lichen.control.jobs import Jobs
from lichen.control.recurrences import Recurrences
from lichen.control.state import Deployments
from lichen.control.submissions import Sender, Submissions
from lichen.core.errors import InvalidInput
from lichen.core.ids import Digest
from lichen.data.dataset import DatasetCatalog
from lichen.protocol.admin import (
    DatasetRows,
    Meters,
    NewestInput,
    Platform,
    Progress,
    ZoneIntensity,
)
from lichen.protocol.budgets import BudgetStanding
from lichen.protocol.outlook import HistorySeeded, ZoneOutlook
from lichen.registry.catalog import Catalog
from lichen.security.identity import Principal, Role
from lichen.security.policy import Action, Kind
from lichen.store.documents import DocumentStore

LIMIT, MOST = 100, 1000
"""Items of a page when nothing is said, and at most."""
JSON = "application/json"
_MOST_DIGITS = 18
"""What the store holds in 64 bits."""


class Outlooks(Protocol):
    """What is expected of zones, and the histories that this stands on."""

    def answer(self, zone: str, query: Mapping[str, str]) -> ZoneOutlook:
        """The outlook of a zone."""
        ...

    def seed(self, zone: str, path: Path, column: str | None, filename: str) -> HistorySeeded:
        """Take a file as history."""
        ...


@dataclass(frozen=True, slots=True)
class Plane:
    """Everything the handlers act on; wired in `server/controlplane.py`."""

    gate: Gate
    documents: DocumentStore
    jobs: Jobs
    experience: Experience
    submissions: Submissions
    recurrences: Recurrences
    datasets: DatasetCatalog
    catalog: Catalog
    deployments: Deployments
    ledger: LedgerReader
    budgets: Budgets
    levers: Levers
    uploads: Path
    upload_bytes: int
    job_log: Callable[[str], str]
    job_progress: Callable[[str], Progress | None]
    newest_rows: Callable[[str, int], DatasetRows]
    newest_input: Callable[[str, Mapping[str, str]], NewestInput]
    meters: Callable[[], Meters]
    platform: Callable[[], Platform]
    zone: Callable[[str], ZoneIntensity]
    budget_standing: Callable[[Budget], BudgetStanding | str]
    outlooks: Outlooks
    stored: Callable[[Digest], Path]
    keep_file: Callable[[Path], Digest]
    platform_zone: str
    declarations: Declarations = NOTHING_DECLARED
    scripts: str = "none"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was received whole and rests in the uploads folder under `name`."""

    name: str
    size: int
    sha256: Digest


@dataclass(frozen=True, slots=True)
class Question:
    """One authenticated and admitted request."""

    principal: Principal
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: object = None
    upload: Upload | None = None
    idempotency_key: str | None = None
    accept: str = ""

    @property
    def sender(self) -> Sender:
        """Who submits."""
        return Sender(self.principal.tenant, self.principal.name, self.idempotency_key)

    def sees(self, tenant: str) -> bool:
        """Whether a list shows the caller what is of this tenant, as `policy.may` has it."""
        return self.principal.role is Role.ADMIN or self.principal.tenant == tenant

    def required(self, name: str) -> str:
        """A query parameter that must be there.

        Raises:
            InvalidInput: it is not.
        """
        value = self.query.get(name, "")
        if not value:
            raise InvalidInput(f"the query parameter {name!r} is missing: add ?{name}=...")
        return value

    def whole_number(self, name: str) -> int | None:
        """A query parameter that is a number above 0, if it is there.

        Raises:
            InvalidInput: it is something else.
        """
        text = self.query.get(name)
        if text is None:
            return None
        is_short = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
        if not is_short or int(text) < 1:
            raise InvalidInput(f"the query parameter {name!r} is {text!r}: give a number above 0")
        return int(text)

    @property
    def limit(self) -> int:
        """How many items the page may have."""
        return min(self.whole_number("limit") or LIMIT, MOST)

    @property
    def cursor(self) -> str:
        """Key of the last item of the page before; empty at the start."""
        return self.query.get("cursor", "")


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer that is no JSON."""

    body: bytes
    media_type: str
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An answer that is a file, sent as it is read."""

    path: Path
    media_type: str
    filename: str


Handler = Callable[[Plane, Question], object]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter."""

    name: str
    says: str
    required: bool = False
    kind: str = "string"


PAGE = (
    Parameter("limit", f"Items of the page, at most {MOST}.", kind="integer"),
    Parameter("cursor", "What `next` of the page before said."),
)


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one resource.

    `answer` and `body` are message types; `media_type` is that of an answer that is no JSON, and
    `other_media_types` are those in which the same answer may be asked for.
    A route that `takes_file` receives the request's raw body as an upload.
    """

    method: str
    path: str
    summary: str
    kind: Kind
    action: Action
    handler: Handler
    answer: Any = None
    body: Any = None
    query: tuple[Parameter, ...] = field(default=())
    status: int = 200
    media_type: str = JSON
    other_media_types: tuple[str, ...] = ()
    takes_file: bool = False
    public: bool = False

    @property
    def creates(self) -> bool:
        """Whether a repetition with the same Idempotency-Key is answered alike."""
        return self.method == "POST" and self.status in (201, 202)
