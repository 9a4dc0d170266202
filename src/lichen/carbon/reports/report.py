"""One door to all reports: a question in, a report over sealed entries out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lichen.carbon.ledger.shares import Extent
from lichen.carbon.ledger.tenant_books import Books
from lichen.carbon.reports import ai_act, gbt32150, ghg, huggingface, sci
from lichen.carbon.reports.activity import Activity, activity
from lichen.carbon.reports.declarations import NOTHING_DECLARED, Declarations
from lichen.carbon.reports.figures import Report, Section
from lichen.carbon.reports.model_facts import ModelFacts
from lichen.carbon.reports.savings import Saving
from lichen.core.clock import rfc3339
from lichen.core.errors import InvalidInput, NotFound
from lichen.protocol.reports import Standard

_MONTH = re.compile(r"([1-8][0-9]{3})-(0[1-9]|1[0-2])")
_DECEMBER = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked for; without `as_of`, as of the last sealed entry, which the report names."""

    standard: Standard
    since: datetime | None = None
    until: datetime | None = None
    as_of: int | None = None
    deployment: str | None = None
    model: ModelFacts | None = None


def month(text: str) -> tuple[datetime, datetime]:
    """The first moments (UTC) of `YYYY-MM` and of the month after it.

    Raises:
        InvalidInput: it is no month.
    """
    matched = _MONTH.fullmatch(text)
    if matched is None:
        raise InvalidInput(f"month {text!r} is no month: write it as 2026-10")
    year, number = int(matched[1]), int(matched[2])
    following = (year + 1, 1) if number == _DECEMBER else (year, number + 1)
    return datetime(year, number, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)


def report(
    ledger: Books,
    question: Question,
    declarations: Declarations = NOTHING_DECLARED,
    savings: tuple[Saving, ...] = (),
) -> Report:
    """The report, the same for ever when `as_of` is given (L3).

    Raises:
        InvalidInput: the span is empty, or what the standard needs is not there.
        NotFound: no ledger, no such entry, nothing booked in the span, no such deployment.
    """
    check_question(question)
    extent, shares = ledger.shares(question.since, question.until, question.as_of)
    if not question.standard.is_of_a_model and not shares:
        raise _nothing(question, extent)
    made = activity(extent, shares, _length(question))
    title, language, sections, notes = _built(question, made, declarations, savings)
    return Report(
        question.standard,
        title,
        language,
        declarations.organisation,
        question.since,
        question.until,
        extent.as_of,
        extent.digest,
        tuple(sections),
        notes,
    )


def _length(question: Question) -> timedelta | None:
    if question.since is None or question.until is None:
        return None
    return question.until - question.since


def check_question(question: Question) -> None:
    """Pass what the standard has a report for.

    Raises:
        InvalidInput: the span is empty, or what the standard needs is not there.
    """
    standard = question.standard
    spanned = question.since is not None or question.until is not None
    if question.since and question.until and question.since >= question.until:
        raise InvalidInput(
            f"the span from {rfc3339(question.since)} to {rfc3339(question.until)} is empty: give "
            "a beginning before its end"
        )
    if standard.is_of_a_model and question.model is None:
        raise InvalidInput(f"a report by {standard} is of a model: name one, NAME@V")
    if standard.is_of_a_model and spanned:
        raise InvalidInput(f"a report by {standard} is of a model and takes no month and no span")
    if not standard.is_of_a_model and question.model is not None:
        raise InvalidInput(f"a report by {standard} is of a span, not of a model: leave it out")
    if question.deployment is not None and standard is not Standard.SCI:
        raise InvalidInput(f"a report by {standard} is of the whole platform: leave out deployment")


def _nothing(question: Question, extent: Extent) -> NotFound:
    since = f" from {rfc3339(question.since)}" if question.since else ""
    until = f" to {rfc3339(question.until)}" if question.until else ""
    return NotFound(
        f"the ledger holds nothing{since}{until} as of entry {extent.as_of}, which ends at "
        f"{rfc3339(extent.ledger_ends)}: name another span"
    )


def _built(
    question: Question, made: Activity, declarations: Declarations, savings: tuple[Saving, ...]
) -> tuple[str, str, Sequence[Section], tuple[str, ...]]:
    """Title, language, sections and notes by the standard's own file."""
    model = question.model
    match question.standard:
        case Standard.SCI:
            sections = sci.sections(made, declarations, savings, question.deployment)
            return sci.TITLE, "en", sections, sci.NOTES
        case Standard.GHG:
            return ghg.TITLE, "en", ghg.sections(made, declarations, savings), ghg.NOTES
        case Standard.GBT32150:
            return gbt32150.TITLE, "zh-CN", gbt32150.sections(made), gbt32150.NOTES
        case Standard.AI_ACT:
            assert model is not None  # noqa: S101 - checked before
            return ai_act.TITLE, "en", ai_act.sections(made, model), ai_act.NOTES
        case Standard.HUGGINGFACE:
            assert model is not None  # noqa: S101 - checked before
            return huggingface.TITLE, "en", huggingface.sections(model), huggingface.NOTES
