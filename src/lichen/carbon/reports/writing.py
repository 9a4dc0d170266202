"""A report as bytes: JSON, CSV, HTML, or the YAML of a Hugging Face report."""

import csv
import io
from collections.abc import Iterator
from fractions import Fraction

import msgspec

from lichen.carbon.reports.figures import Figure, Report, Section, shown
from lichen.carbon.reports.page import page
from lichen.core.clock import rfc3339
from lichen.core.errors import InvalidInput
from lichen.protocol import reports as messages
from lichen.protocol.reports import FORMAT, ReportFormat, Standard

_COLUMNS = (
    "section",
    "name",
    "label",
    "value",
    "unit",
    "low",
    "high",
    "interval",
    "method",
    "formula",
    "provenance",
    "absent",
    "exact",
    "exact_unit",
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t")
_BYTE_ORDER_MARK = "\ufeff"
"""Without it a spreadsheet in China reads UTF-8 as GBK."""


def written(report: Report, form: ReportFormat) -> bytes:
    """The report in that form.

    Raises:
        InvalidInput: the standard has no such form.
    """
    match form:
        case ReportFormat.JSON:
            return msgspec.json.format(msgspec.json.encode(message(report)), indent=2) + b"\n"
        case ReportFormat.CSV:
            return _csv(report)
        case ReportFormat.HTML:
            return page(report).encode()
        case ReportFormat.YAML:
            return _yaml(report)


def check_form(standard: Standard, form: ReportFormat) -> None:
    """Pass a form that a standard's report is written in.

    Raises:
        InvalidInput: it is not.
    """
    if form is ReportFormat.YAML and standard is not Standard.HUGGINGFACE:
        raise InvalidInput(
            f"a report by {standard} is not written as yaml: ask for json, csv or html"
        )


def message(report: Report) -> messages.Report:
    """The report as the message that is sent."""
    return messages.Report(
        format=FORMAT,
        standard=Standard(report.standard),
        title=report.title,
        language=report.language,
        organisation=report.organisation,
        since=rfc3339(report.since) if report.since else None,
        until=rfc3339(report.until) if report.until else None,
        as_of=report.as_of,
        ledger_digest=report.ledger_digest,
        sections=[_section(one) for one in report.sections],
        notes=list(report.notes),
    )


def _section(section: Section) -> messages.ReportSection:
    return messages.ReportSection(
        title=section.title,
        facts=[messages.ReportFact(label=label, text=text) for label, text in section.facts],
        figures=[_figure(one) for one in section.figures],
        notes=list(section.notes),
        text=section.text,
    )


def _figure(figure: Figure) -> messages.ReportFigure:
    return messages.ReportFigure(
        name=figure.line.name,
        label=figure.line.label,
        unit=figure.line.unit,
        value=_number(figure.value),
        low=_number(figure.low),
        high=_number(figure.high),
        interval=figure.origin.interval,
        method=figure.origin.method,
        formula=figure.line.formula,
        provenance=figure.origin.provenance,
        absent=figure.absent,
        exact=figure.exact,
        exact_unit=figure.exact_unit,
    )


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(shown(value))


def _csv(report: Report) -> bytes:
    text = io.StringIO(_BYTE_ORDER_MARK if report.language.startswith("zh") else "")
    text.seek(0, io.SEEK_END)
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for row in _rows(report):
        writer.writerow(row)
    return text.getvalue().encode()


def _rows(report: Report) -> Iterator[list[str]]:
    for name, said in _head(report):
        yield _fact("report", name, name, said)
    for section in report.sections:
        for label, said in section.facts:
            yield _fact(section.title, "fact", label, said)
        for one in section.figures:
            yield _row(section.title, one)
        if section.text:
            yield _fact(section.title, "text", "text", section.text)
        for note in section.notes:
            yield _fact(section.title, "note", "note", note)
    for note in report.notes:
        yield _fact("report", "note", "note", note)


def _head(report: Report) -> Iterator[tuple[str, str]]:
    told = message(report)
    yield "standard", told.standard
    yield "title", told.title
    yield "organisation", told.organisation or ""
    yield "since", told.since or ""
    yield "until", told.until or ""
    yield "as_of", str(told.as_of)
    yield "ledger_digest", told.ledger_digest


def _fact(section: str, name: str, label: str, said: str) -> list[str]:
    filled = {"section": section, "name": name, "label": label, "value": said}
    return [_text(filled.get(column, "")) for column in _COLUMNS]


def _row(section: str, figure: Figure) -> list[str]:
    line, origin = figure.line, figure.origin
    return [
        _text(section),
        _text(line.name),
        _text(line.label),
        _shown(figure.value),
        _text(line.unit),
        _shown(figure.low),
        _shown(figure.high),
        _text(origin.interval),
        _text(origin.method),
        _text(line.formula),
        _text(origin.provenance),
        _text(figure.absent or ""),
        "" if figure.exact is None else str(figure.exact),
        figure.exact_unit or "",
    ]


def _shown(value: Fraction | None) -> str:
    return "" if value is None else shown(value)


def _text(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _yaml(report: Report) -> bytes:
    check_form(Standard(report.standard), ReportFormat.YAML)
    return "".join(section.text for section in report.sections).encode()
