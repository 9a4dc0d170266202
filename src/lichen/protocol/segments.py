"""The spans in which a job worked: one for each attempt that was started."""

from datetime import datetime

import msgspec

from lichen.core.figures import Method


class JobSegment(msgspec.Struct, frozen=True, kw_only=True):
    """From the start of an attempt until it ended, or was last heard of; with what it cost.

    Nanojoules with their 90 % interval, and nanograms of CO2e, absent where no intensity was known
    (M5). The segments of a job sum to its receipt, exactly. `fence` tells attempts apart, and
    `cpu_ns` is the processor time of all its threads.
    """

    fence: int
    started_at: datetime
    ended_at: datetime
    nj: int
    nj_low: int
    nj_high: int
    ng: int | None
    method: Method
    zone: str | None = None
    cpu_ns: int | None = None
