"""Messages of the control plane about savings: against a stated baseline, booked nowhere."""

import msgspec


class LeverSaving(msgspec.Struct, frozen=True, kw_only=True):
    """What one lever saved: its baseline less what happened, in nanojoules and nanograms CO2e.

    A negative figure means that it cost more. Without figures, `absent` says why they cannot be
    known.
    """

    name: str
    label: str
    baseline: str
    method: str = ""
    provenance: str = ""
    nj: int | None = None
    nj_low: int | None = None
    nj_high: int | None = None
    ng: int | None = None
    ng_low: int | None = None
    ng_high: int | None = None
    absent: str | None = None


class Savings(msgspec.Struct, frozen=True, kw_only=True):
    """The levers that did something in a span; `as_of` is the last sealed entry counted."""

    as_of: int
    items: list[LeverSaving]
