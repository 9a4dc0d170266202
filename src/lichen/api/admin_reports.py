"""`/reports`: the ledger as reports by published standards, as JSON, CSV or a page that prints."""

from datetime import datetime
from typing import TypeVar

from lichen.api.admin_accounts import moment, seen_books, seen_tenant
from lichen.api.admin_routes import Parameter, Plane, Question, Raw, Route
from lichen.carbon.reports.model_facts import ModelFacts
from lichen.carbon.reports.report import Question as ReportQuestion
from lichen.carbon.reports.report import month, report
from lichen.carbon.reports.savings import Saving
from lichen.carbon.reports.writing import written
from lichen.core.errors import InvalidInput, NotFound
from lichen.core.ids import ModelReference
from lichen.core.tensors import TensorSpec
from lichen.protocol.reports import MEDIA_TYPES, Report, ReportFormat, Standard
from lichen.registry.card import emissions_metadata
from lichen.registry.manifest import Manifest
from lichen.security.policy import Action, Kind

C = TypeVar("C", Standard, ReportFormat)
_JSON = ReportFormat.JSON
_BY_MEDIA_TYPE = {kind.partition(";")[0]: form for form, kind in MEDIA_TYPES.items()}


def reports(plane: Plane, question: Question) -> Raw:
    """One report, in the form that was asked for."""
    form = _form(question)
    standard = _chosen(question, "standard", Standard, Standard.SCI)
    since, until = span(question)
    asked = ReportQuestion(
        standard=standard,
        since=since,
        until=until,
        as_of=question.whole_number("as_of") or _last_entry(plane),
        deployment=question.query.get("deployment"),
        model=_model(plane, question.query.get("model")),
    )
    made = report(
        seen_books(plane, question), asked, plane.declarations, _savings(plane, question, asked)
    )
    return Raw(written(made, form), form.media_type)


def _last_entry(plane: Plane) -> int | None:
    """The last sealed entry, settled once: another may be sealed while a report is made."""
    return plane.ledger.head()[0] or None


def _savings(plane: Plane, question: Question, asked: ReportQuestion) -> tuple[Saving, ...]:
    """What levers saved, for the reports that have a place for it."""
    is_empty = asked.since and asked.until and asked.since >= asked.until
    if is_empty or asked.standard not in (Standard.SCI, Standard.GHG):
        return ()
    asked_span = asked.since, asked.until
    return plane.levers.saved(asked_span, asked.as_of, tenant=seen_tenant(question))[1]


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


def _model(plane: Plane, reference: str | None) -> ModelFacts | None:
    if reference is None:
        return None
    manifest = plane.catalog.resolve(ModelReference.parse(reference))
    started, finished = _times(plane, manifest.job_id)
    return ModelFacts(
        model=manifest.model,
        version=manifest.version,
        created_at=manifest.created_at,
        task=manifest.task,
        algorithm=manifest.algorithm,
        code_version=manifest.code_version,
        parameters=manifest.parameters,
        inputs=_tensors(manifest.signature.inputs),
        outputs=_tensors(manifest.signature.outputs),
        dataset=_dataset(manifest),
        receipt=manifest.receipt,
        hardware=manifest.hardware,
        origin=manifest.origin,
        job_id=manifest.job_id,
        started_at=started,
        finished_at=finished,
        metadata=emissions_metadata(manifest),
    )


def _times(plane: Plane, job_id: str | None) -> tuple[datetime | None, datetime | None]:
    if job_id is None:
        return None, None
    try:
        job = plane.jobs.get(job_id)
    except NotFound:  # a version that was imported names the job of another platform
        return None, None
    return job.started_at, job.finished_at


def _dataset(manifest: Manifest) -> str | None:
    data = manifest.dataset
    return None if data is None else f"{data.name} version {data.version} (sha256 {data.digest})"


def _tensors(specs: tuple[TensorSpec, ...]) -> str:
    return "; ".join(
        f"{one.name} {one.datatype} {list(one.shape)}{f' in {one.unit}' if one.unit else ''}"
        for one in specs
    )


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
