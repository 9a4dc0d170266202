"""The lines of an exposition, collected by metric: Prometheus text format 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/ (text-based format)
"""

from collections.abc import Sequence
from functools import cache
from itertools import accumulate

from lichen.monitoring.families import FAMILIES, Family

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_BILLION = 10**9


class Samples:
    """Samples by metric; `text` puts them in the order of the metrics."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {family.name: [] for family in FAMILIES}

    def add(self, family: Family, labels: Sequence[str], value: str | int) -> None:
        """One sample; `labels` in the order of the metric's."""
        self._lines[family.name].append(f"{family.name}{{{_said(family, labels)}}} {value}")

    def histogram(
        self,
        family: Family,
        labels: Sequence[str],
        bounds: tuple[float, ...],
        buckets: Sequence[int],
        total: str | int,
    ) -> None:
        """A histogram; `buckets` each count their own, and `total` is the sum of what they saw."""
        said, lines, name = _said(family, labels), self._lines[family.name], family.name
        counts = list(accumulate(buckets))
        head = f"{name}_bucket{{{said}"
        lines += [f"{head}{end}{count}" for end, count in zip(_ends(bounds), counts, strict=True)]
        lines.append(f"{name}_sum{{{said}}} {total}")
        lines.append(f"{name}_count{{{said}}} {counts[-1]}")

    def text(self) -> bytes:
        """All of it; a metric of which there is nothing to say has its help and type alone."""
        lines: list[str] = []
        for family in FAMILIES:
            lines.append(f"# HELP {family.name} {family.says}")
            lines.append(f"# TYPE {family.name} {family.kind}")
            lines += self._lines[family.name]
        return ("\n".join(lines) + "\n").encode()


def billionths(value: int) -> str:
    """Nanojoules as joules, nanoseconds as seconds, nanograms as grams: to the last digit."""
    whole, rest = divmod(value, _BILLION)
    return f"{whole}.{rest:09d}"


@cache
def _ends(bounds: tuple[float, ...]) -> list[str]:
    """How the lines of a histogram's buckets go on; the last takes the rest."""
    return [f',le="{end}"}} ' for end in (*(f"{bound:g}" for bound in bounds), "+Inf")]


def _said(family: Family, labels: Sequence[str]) -> str:
    return ",".join(
        f'{name}="{value.translate(_ESCAPES)}"'
        for name, value in zip(family.labels, labels, strict=True)
    )
