"""The noun `reports` for Python: the ledger by published standards."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict, Unpack

import msgspec

from lichen.client.session import Session
from lichen.core.clock import rfc3339
from lichen.protocol.reports import Report, ReportFormat, Standard


class ReportOptions(TypedDict, total=False):
    """What a report covers; what is left out is everything, as of the last sealed entry.

    Attributes:
        month: the span as `YYYY-MM`, in UTC.
        since: the span from this time on.
        until: the span before this time.
        as_of: up to this sealed entry of the ledger: the same bytes for ever.
        deployment: of this deployment alone, for `sci`.
        model: `NAME@V`, for `ai-act` and `huggingface`.
    """

    month: str | None
    since: datetime | None
    until: datetime | None
    as_of: int | None
    deployment: str | None
    model: str | None


class Reports:
    """`lichen report`: SCI, GHG Protocol, EU AI Act, GB/T 32150, Hugging Face."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def show(self, standard: Standard = Standard.SCI, **options: Unpack[ReportOptions]) -> Report:
        """The report as a record.

        Raises:
            InvalidInput: the options do not fit the standard.
            NotFound: nothing was booked in the span, or no such entry, deployment or model.
        """
        return self._session.get("/reports", Report, _query(standard, ReportFormat.JSON, options))

    def write(
        self,
        standard: Standard = Standard.SCI,
        form: ReportFormat = ReportFormat.HTML,
        **options: Unpack[ReportOptions],
    ) -> bytes:
        """The report as a file's content; raises as `show` does."""
        query = _query(standard, form, options)
        return self._session.send("GET", "/reports", query).content


def read_report(content: bytes) -> Report:
    """A report from its JSON.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return msgspec.json.decode(content, type=Report)


def _query(
    standard: Standard, form: ReportFormat, options: ReportOptions
) -> Mapping[str, str | int | None]:
    since, until = options.get("since"), options.get("until")
    return {
        "standard": standard.value,
        "format": form.value,
        "month": options.get("month"),
        "from": rfc3339(since) if since else None,
        "to": rfc3339(until) if until else None,
        "as_of": options.get("as_of"),
        "deployment": options.get("deployment"),
        "model": options.get("model"),
    }
