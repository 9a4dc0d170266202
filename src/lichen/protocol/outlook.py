"""Messages on what a zone's intensity will be, and on the history that this stands on."""

from datetime import datetime

import msgspec


class OutlookStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step: when it begins, and its intensity in gCO2e/kWh; quantiles in the levels' order."""

    start: datetime
    g_per_kwh: float
    g_per_kwh_median: float
    quantiles: list[float]


class ZoneOutlook(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of a zone (C2).

    `method` is `model`, or what is left with too little history: `profile`, `day-ago`,
    `yearly-average`; `remarks` then say why.
    """

    zone: str
    issued_at: datetime
    step_seconds: int
    quantile_levels: list[float]
    steps: list[OutlookStep]
    source: str
    signal: str
    scope: str
    kind: str
    method: str
    remarks: list[str] = []


class HistorySeeded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file of intensities.

    `kept` values are new or were changed; `left_out` are of times that no history holds: over 400
    days ago, or to come; `missing_hours` are the gaps between the first and the last.
    """

    zone: str
    kept: int
    left_out: int
    first: datetime
    last: datetime
    missing_hours: int
