"""What each source of intensity says of a zone now: the first that answers is the one in force."""

from datetime import datetime

import msgspec

from lichen.carbon.grids.kept import KeptIntensity
from lichen.carbon.intensity import IntensitySource, checked_value, checked_zone
from lichen.core.clock import Clock, rfc3339
from lichen.core.errors import LichenError
from lichen.protocol.admin import ZoneIntensity, ZoneSource
from lichen.server.pricing import Pricing


class ZoneObservations:
    """Asks the sources of this platform, one by one."""

    def __init__(self, prices: Pricing, clock: Clock) -> None:
        self._prices = prices
        self._clock = clock

    def zone(self, zone: str) -> ZoneIntensity:
        """What is known of the zone.

        Raises:
            InvalidInput: it is no code of a zone.
        """
        code, now = checked_zone(zone), self._clock.now()
        sources = [_said(source, code, now) for source in self._prices.chain.sources]
        return ZoneIntensity(
            zone=code,
            at=rfc3339(now),
            answered_by=next((one.name for one in sources if one.answers), None),
            sources=sources,
        )


def _said(source: IntensitySource, zone: str, now: datetime) -> ZoneSource:
    try:
        value = checked_value(source.at(zone, now))
    except LichenError as refusal:
        silent = ZoneSource(name=source.name, answers=False, reason=str(refusal))
        return _with_asking(silent, source)
    said = ZoneSource(
        name=source.name,
        answers=True,
        g_per_kwh=value.g_per_kwh,
        g_per_kwh_low=value.low,
        g_per_kwh_high=value.high,
        source=value.source,
        signal=value.signal.value,
        scope=value.scope.value,
        kind=value.kind.value,
        resolution_seconds=value.resolution_s,
    )
    return _with_asking(said, source)


def _with_asking(said: ZoneSource, source: IntensitySource) -> ZoneSource:
    """The same, with how the asking goes where a network is asked."""
    if not isinstance(source, KeptIntensity):
        return said
    kept = source.kept()
    return msgspec.structs.replace(
        said,
        asked_at=None if kept.asked_at is None else rfc3339(kept.asked_at),
        problem=kept.problem or None,
        refused=[] if kept.answer is None else list(kept.answer.faults),
    )
