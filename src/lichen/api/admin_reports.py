"""`/reports`: the ledger as reports by published standards, as JSON, CSV or a page that prints."""

from datetime import datetime
from typing import TypeVar

import msgspec

from lichen.api.admin_accounts import moment, seen_tenant
from lichen.api.admin_routes import Parameter, Plane, Question, Raw, Route
from lichen.carbon.reports.report import Question as ReportQuestion
from lichen.carbon.reports.report import month
from lichen.carbon.reports.writing import check_form, written
from lichen.control.reporting import Reporting
from lichen.core.errors import InvalidInput
from lichen.protocol.admin import JsonObject
from lichen.protocol.reports import MEDIA_TYPES, Report, ReportFormat, ReportSpec, Standard
from lichen.security.policy import Action, Kind

C = TypeVar("C", Standard, ReportFormat)
_JSON = ReportFormat.JSON
_BY_MEDIA_TYPE = {kind.partition(";")[0]: form for form, kind in MEDIA_TYPES.items()}


def reports(plane: Plane, question: Question) -> Raw:
    """One report, in the form that was asked for."""
    form = _form(question)
    since, until = span(question)
    asked = ReportQuestion(
        standard=_chosen(question, "standard", Standard, Standard.SCI),
        since=since,
        until=until,
        as_of=question.whole_number("as_of"),
        deployment=question.query.get("deployment"),
    )
    made = _reporting(plane).made(asked, question.query.get("model"), seen_tenant(question))
    return Raw(written(made, form), form.media_type)


def checked_report(plane: Plane, question: Question, told: JsonObject) -> JsonObject:
    """The spec of a report job as it is kept: of whose work it tells goes by who asks.

    Raises:
        InvalidInput: the spec is not usable, or does not fit its standard.
        NotFound: there is no such model.
    """
    try:
        spec = msgspec.convert(told, ReportSpec)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the spec of the report is not usable: {error}") from error
    asked = ReportQuestion(
        standard=spec.standard, since=spec.since, until=spec.until, deployment=spec.deployment
    )
    _reporting(plane).check(asked, spec.model)
    check_form(spec.standard, spec.form)
    kept = msgspec.structs.replace(spec, is_whole=seen_tenant(question) is None)
    found: JsonObject = msgspec.to_builtins(kept, str_keys=True)
    return found


def _reporting(plane: Plane) -> Reporting:
    return Reporting(plane.ledger, plane.levers, plane.catalog, plane.jobs, plane.declarations)


def _form(question: Question) -> ReportFormat:
    """What `format` says, else what `Accept` likes best, else JSON."""
    if "format" in question.query:
        return _chosen(question, "format", ReportFormat, _JSON)
    liked = sorted(question.accept.lower().split(","), key=_quality, reverse=True)
    kinds = (one.partition(";")[0].strip() for one in liked if _quality(one) > 0)
    return next((_BY_MEDIA_TYPE[kind] for kind in kinds if kind in _BY_MEDIA_TYPE), _JSON)


def _quality(accepted: str) -> float:
    """The weight of one media range (RFC 9110, 12.4.2); what is no number weighs nothing."""
    _, _, said = accepted.replace(" ", "").partition(";q=")
    try:
        return float(said.partition(";")[0]) if said else 1.0
    except ValueError:
        return 0.0


def _chosen(question: Question, name: str, kind: type[C], default: C) -> C:
    text = question.query.get(name)
    if text is None:
        return default
    try:
        return kind(text)
    except ValueError:
        known = ", ".join(kind)
        raise InvalidInput(f"the {name} {text!r} is unknown: choose one of {known}") from None


def span(question: Question) -> tuple[datetime | None, datetime | None]:
    """What `month`, or `from` and `to`, say; None without a bound.

    Raises:
        InvalidInput: one is no time, or both ways are used at once.
    """
    said, since, until = (
        question.query.get("month"),
        moment(question, "from"),
        moment(question, "to"),
    )
    if said is None:
        return since, until
    if since is not None or until is not None:
        raise InvalidInput("give a month or a span from and to, not both")
    return month(said)


ROUTES = (
    Route(
        "GET",
        "/reports",
        "A report over the ledger or of a model, the same bytes whenever it is asked for as of one "
        "entry",
        Kind.LEDGER,
        Action.READ,
        reports,
        answer=Report,
        query=(
            Parameter("standard", f"One of {', '.join(Standard)}; sci unless said."),
            Parameter("month", "The span as a month, YYYY-MM, in UTC."),
            Parameter("from", "The span from this time on, RFC 3339."),
            Parameter("to", "The span before this time, RFC 3339."),
            Parameter("as_of", "Up to this sealed entry; the last unless said.", kind="integer"),
            Parameter("deployment", "Of this deployment alone; for sci."),
            Parameter("model", "NAME@V or NAME@ALIAS; for ai-act and huggingface."),
            Parameter("format", f"One of {', '.join(ReportFormat)}; goes before Accept."),
        ),
        other_media_types=tuple(kind for kind in MEDIA_TYPES.values() if kind != _JSON.media_type),
    ),
)
