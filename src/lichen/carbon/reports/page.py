"""A report as one HTML page that needs nothing else: it reads, and it prints."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from lichen.carbon.reports.figures import Figure, Report, Section, shown
from lichen.core.clock import rfc3339

STYLE = Path(__file__).with_name("page.css")


@dataclass(frozen=True, slots=True)
class _Words:
    """The page's own words in one language."""

    figure: str
    value: str
    interval: str
    method: str
    unknown: str
    organisation: str
    since: str
    until: str
    beginning: str
    ledger: str
    entry: str
    notes: str
    methods: Mapping[str, str]


_ENGLISH = _Words(
    "Figure",
    "Value",
    "Interval",
    "Method",
    "not known",
    "Organisation",
    "From",
    "Before",
    "no bound",
    "Ledger",
    "as of entry {entry}, sha256 {digest}",
    "Notes",
    {},
)
_CHINESE = _Words(
    "指标",
    "数值",
    "区间",
    "获取方式",
    "未知",
    "组织",
    "起始（含）",
    "截止（不含）",
    "不限",
    "账本",
    "截至第 {entry} 条，sha256 {digest}",
    "说明",
    {
        "measured": "实测",
        "modelled": "模型估算",
        "mixed": "实测与模型估算",
        "counted": "计数",
        "declared": "公布值",
    },
)


def page(report: Report) -> str:
    """The whole page, UTF-8."""
    words = _CHINESE if report.language.startswith("zh") else _ENGLISH
    body = "\n".join(
        (
            "<header>",
            f"<h1>{escape(report.title)}</h1>",
            _list(_head(report, words)),
            "</header>",
            "<main>",
            *(_section(number, one, words) for number, one in enumerate(report.sections, start=1)),
            *_notes_section(report, words),
            "</main>",
        )
    )
    return (
        f'<!doctype html>\n<html lang="{escape(report.language)}">\n<head>\n'
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(report.title)}</title>\n"
        f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _head(report: Report, words: _Words) -> Iterator[tuple[str, str]]:
    if report.organisation:
        yield words.organisation, report.organisation
    for label, moment in ((words.since, report.since), (words.until, report.until)):
        yield label, rfc3339(moment) if moment else words.beginning
    yield words.ledger, words.entry.format(entry=report.as_of, digest=report.ledger_digest)


def _list(facts: Iterator[tuple[str, str]]) -> str:
    rows = "\n".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(text)}</dd></div>" for label, text in facts
    )
    return f"<dl>\n{rows}\n</dl>"


def _section(number: int, section: Section, words: _Words) -> str:
    parts = [f'<section aria-labelledby="s{number}">', f'<h2 id="s{number}">']
    parts[-1] += f"{escape(section.title)}</h2>"
    if section.facts:
        parts.append(_list(iter(section.facts)))
    if section.figures:
        parts.append(_table(number, section.figures, words))
    if section.text:
        parts.append(f'<pre tabindex="0">{escape(section.text)}</pre>')
    if section.notes:
        parts.append(_bullets(section.notes))
    return "\n".join((*parts, "</section>"))


def _table(number: int, figures: tuple[Figure, ...], words: _Words) -> str:
    heads = (words.figure, words.value, words.interval, words.method)
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    rows = "\n".join(_row(one, words) for one in figures)
    return (
        f'<table aria-labelledby="s{number}">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table>"
    )


def _row(figure: Figure, words: _Words) -> str:
    line, origin = figure.line, figure.origin
    details = (line.formula, origin.provenance)
    small = "".join(f"<small>{escape(text)}</small>" for text in details if text)
    label = f'<th scope="row"><span>{escape(line.label)}</span>{small}</th>'
    anchor = escape("-".join(line.name.split()))
    if figure.value is None:
        reason = f"{escape(words.unknown)}: {escape(figure.absent or '')}"
        return f'<tr id="{anchor}" class="absent">{label}<td colspan="3">{reason}</td></tr>'
    unit = "" if line.unit == "1" else f" <span>{escape(line.unit)}</span>"
    return (
        f'<tr id="{anchor}">{label}<td class="number">{shown(figure.value)}{unit}</td>'
        f'<td class="number">{_interval(figure)}<small>{escape(origin.interval)}</small></td>'
        f"<td>{escape(words.methods.get(origin.method, origin.method))}</td></tr>"
    )


def _interval(figure: Figure) -> str:
    if figure.low == figure.high:  # both unknown, or what was counted
        return ""
    if figure.low is None or figure.high is None:
        return f"&ge; {shown(figure.low)}" if figure.low is not None else ""
    return f"{shown(figure.low)} &ndash; {shown(figure.high)}"


def _bullets(notes: tuple[str, ...]) -> str:
    items = "\n".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<ul>\n{items}\n</ul>"


def _notes_section(report: Report, words: _Words) -> Iterator[str]:
    if report.notes:
        yield f'<section aria-labelledby="notes">\n<h2 id="notes">{escape(words.notes)}</h2>'
        yield _bullets(report.notes)
        yield "</section>"
