"""The outlook of a zone as this platform knows it now, and the seeding of its history.

It imports no NumPy: the model is loaded by name once there is one.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from lichen.carbon.grids.averages import WorldAverage, YearlyAverages
from lichen.carbon.intensity import FallbackChain, checked_zone
from lichen.carbon.outlook.expectation import Ask, Known, Modelled, expected
from lichen.carbon.outlook.record import Outlook, hour_of
from lichen.core.clock import Clock, parse_rfc3339
from lichen.core.errors import InvalidInput, LichenError, Unavailable
from lichen.core.ids import ModelReference
from lichen.core.plugins import load_object
from lichen.protocol.outlook import HistorySeeded, OutlookStep, ZoneOutlook
from lichen.registry.catalog import Catalog
from lichen.server.keepers.zone_histories import ZoneHistories

ASK_MODEL = "lichen.server.work.outlook_model:ask_model"
_PREFIX = "intensity-"
_USUAL_HOURS = 48
AVERAGES = FallbackChain((YearlyAverages(), WorldAverage()))


def model_of(zone: str) -> str:
    """The name under which a zone's model is registered."""
    return f"{_PREFIX}{zone}"


class ZoneOutlooks:
    """An `OutlookSource` over histories and the registry."""

    def __init__(
        self, histories: ZoneHistories, catalog: Catalog, clock: Clock, *, is_on: bool
    ) -> None:
        self._histories = histories
        self._catalog = catalog
        self._clock = clock
        self._is_on = is_on

    def outlook(self, zone: str, start: datetime, horizon: timedelta) -> Outlook:
        """See `carbon.outlook.record.OutlookSource`."""
        code = checked_zone(zone)
        place = self._histories.place(code)
        known = Known(self._histories.of(code), place, AVERAGES, self._ask(code))
        return expected(code, start, horizon, self._clock.now(), known)

    def _ask(self, zone: str) -> Ask | None:
        if not self._is_on:
            return None
        try:
            manifest = self._catalog.resolve(ModelReference(model_of(zone), "latest"))
        except LichenError as missing:
            return partial(_refused, str(missing))
        ask: Callable[..., Ask] = load_object(ASK_MODEL)
        return ask(self._catalog, manifest, self._histories.place(zone))

    def answer(self, zone: str, query: Mapping[str, str]) -> ZoneOutlook:
        """What `GET zones/{zone}/outlook` is answered.

        Raises:
            InvalidInput: the zone, `hours` or `start` is not usable.
        """
        start = _moment(query.get("start")) or hour_of(self._clock.now())
        horizon = timedelta(hours=_hours(query.get("hours")))
        return message_of(self.outlook(zone, start, horizon))

    def seed(self, zone: str, path: Path, column: str | None, filename: str) -> HistorySeeded:
        """What `PUT zones/{zone}/history` is answered; `filename` is what its sender calls it.

        Raises:
            InvalidInput: the file or the zone is not usable.
        """
        done = self._histories.seed(zone, path, column, filename)
        return HistorySeeded(
            zone=checked_zone(zone),
            kept=done.kept,
            left_out=done.left_out,
            first=done.first,
            last=done.last,
            missing_hours=done.missing_hours,
        )


def message_of(outlook: Outlook) -> ZoneOutlook:
    """An outlook as it travels."""
    median = outlook.levels.index(0.5)
    return ZoneOutlook(
        zone=outlook.zone,
        issued_at=outlook.issued_at,
        step_seconds=round(outlook.step.total_seconds()),
        quantile_levels=list(outlook.levels),
        steps=[
            OutlookStep(
                start=outlook.start + place * outlook.step,
                g_per_kwh=round(step.mean, 3),
                g_per_kwh_median=round(step.quantiles[median], 3),
                quantiles=[round(one, 3) for one in step.quantiles],
            )
            for place, step in enumerate(outlook.steps)
        ],
        source=outlook.source,
        signal=outlook.signal.value,
        scope=outlook.scope.value,
        kind=outlook.kind.value,
        method=outlook.method,
        remarks=list(outlook.remarks),
    )


def _refused(reason: str, *_: object) -> Modelled:
    raise Unavailable(reason)


def _hours(text: str | None) -> int:
    if text is None:
        return _USUAL_HOURS
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise InvalidInput(f"the query parameter 'hours' is {text!r:.40}: give a whole number")
    return int(text)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise InvalidInput(f"the query parameter 'start' is no time: {error}") from error
