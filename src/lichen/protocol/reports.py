"""Messages of reports: figures that say their unit, interval, method and provenance (M5)."""

from datetime import datetime
from enum import StrEnum

import msgspec

FORMAT = "lichen.report/1"


class Standard(StrEnum):
    """What a report is made by."""

    SCI = "sci"
    GHG = "ghg"
    AI_ACT = "ai-act"
    GBT32150 = "gbt32150"
    HUGGINGFACE = "huggingface"

    @property
    def is_of_a_model(self) -> bool:
        """Whether it tells of one model version, not of a span of the ledger."""
        return self in (Standard.AI_ACT, Standard.HUGGINGFACE)


class ReportFormat(StrEnum):
    """How a report is written; YAML is the metadata of a Hugging Face report alone."""

    JSON = "json"
    CSV = "csv"
    HTML = "html"
    YAML = "yaml"

    @property
    def media_type(self) -> str:
        """Its media type, with the character set where that has to be said."""
        return MEDIA_TYPES[self]


MEDIA_TYPES = {
    ReportFormat.JSON: "application/json",
    ReportFormat.CSV: "text/csv; charset=utf-8",
    ReportFormat.HTML: "text/html; charset=utf-8",
    ReportFormat.YAML: "application/yaml",
}


class ReportFigure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure. `value` is null where it cannot be known, and `absent` then says why.

    `low` and `high` are the ends of the interval that `interval` describes. `exact` is the whole
    number of `exact_unit` (nJ or ng) that the value was rounded from; in it parts sum to the whole.
    """

    name: str
    label: str
    unit: str
    value: float | None
    low: float | None
    high: float | None
    interval: str
    method: str
    formula: str
    provenance: str
    absent: str | None
    exact: int | None
    exact_unit: str | None


class ReportFact(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is said in words."""

    label: str
    text: str


class ReportSection(msgspec.Struct, frozen=True, kw_only=True):
    """Figures that belong together; `text` is quoted as it stands, such as metadata."""

    title: str
    facts: list[ReportFact]
    figures: list[ReportFigure]
    notes: list[str]
    text: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report as of a sealed entry of the ledger: the same question gets the same bytes for ever.

    `since` and `until` are the span that was asked for, null without a bound.
    """

    format: str
    standard: Standard
    title: str
    language: str
    organisation: str | None
    since: str | None
    until: str | None
    as_of: int
    ledger_digest: str
    sections: list[ReportSection]
    notes: list[str]


class ReportSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a `report` job: a report that is made once and kept as a file.

    Attributes:
        standard: whose rules it follows.
        form: how it is written.
        since, until: the span; of work that recurs each period has its own.
        deployment: of this deployment alone, for `sci`.
        model: `NAME@V` or `NAME@ALIAS`, for `ai-act` and `huggingface`.
        is_whole: it names the work of every tenant; what the platform settles by the sender's role.
    """

    standard: Standard = Standard.SCI
    form: ReportFormat = ReportFormat.HTML
    since: datetime | None = None
    until: datetime | None = None
    deployment: str | None = None
    model: str | None = None
    is_whole: bool = False


class ReportResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a `report` job made: a file under its SHA-256, as of a sealed entry of the ledger."""

    standard: Standard
    as_of: int
    ledger_digest: str
    output: str
    output_bytes: int
    filename: str
    media_type: str
