"""Samples of wanted metrics out of Prometheus' text format, without reading the rest (0.0.4)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lichen.core.errors import Unavailable

_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"')
_MOST = 1e18  # in microjoules, the smallest unit: 30 years of a kilowatt
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One series: its labels, sorted, and its value."""

    metric: str
    labels: tuple[tuple[str, str], ...]
    value: float

    def label(self, name: str) -> str:
        """The label's value; empty when it has none."""
        return next((value for key, value in self.labels if key == name), "")


def samples(body: bytes, metric: str) -> Iterator[Sample]:
    """Every series of one metric in a body.

    Raises:
        Unavailable: a line of it is not of the format, or its value is no energy: not a finite
            number of 0 or more, or more than a counter reaches.
    """
    wanted = metric.encode("ascii")
    at = 0 if body.startswith(wanted) else body.find(b"\n" + wanted) + 1
    while at > 0 or body.startswith(wanted, at):
        end = body.find(b"\n", at)
        line = body[at : end if end >= 0 else len(body)]
        rest = line[len(wanted) :]
        if rest[:1] in (b"{", b" ", b"\t"):
            yield _sample(metric, rest.decode("utf-8", errors="replace"))
        at = body.find(b"\n" + wanted, at) + 1
        if at == 0:
            return


def _sample(metric: str, rest: str) -> Sample:
    rest = rest.strip()
    labels = ""
    if rest.startswith("{"):
        end = _end_of_labels(rest)
        labels, rest = rest[1:end], rest[end + 1 :]
    try:
        value = float(rest.split()[0])
    except (IndexError, ValueError):
        raise Unavailable(f"garbage for {metric}: {rest.strip()[:40]!r} is no number") from None
    if not 0 <= value < _MOST:  # `nan` is in no range
        raise Unavailable(f"garbage for {metric}: {value} is no energy that a counter can show")
    found = (
        (key, re.sub(r"\\.", lambda escape: _ESCAPES.get(escape[0], escape[0]), text))
        for key, text in _LABEL.findall(labels)
    )
    return Sample(metric, tuple(sorted(found)), value)


def _end_of_labels(rest: str) -> int:
    """Where the closing brace stands; one within quotes is part of a value."""
    quoted = False
    place = 1
    while place < len(rest):
        if rest[place] == "\\":
            place += 1
        elif rest[place] == '"':
            quoted = not quoted
        elif rest[place] == "}" and not quoted:
            return place
        place += 1
    raise Unavailable(f"garbage: labels without an end, {rest[:40]!r}")
