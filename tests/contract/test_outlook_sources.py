"""Every source of outlooks, through the same questions (C2)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from lichen.carbon.grids.fixed import SeriesIntensity
from lichen.carbon.outlook.record import HOUR, OutlookSource, checked_outlook
from lichen.carbon.outlook.recorded import FixedOutlook, NoOutlook, ReplayOutlook
from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput, LichenError, NotFound, Unavailable
from lichen.registry.catalog import Catalog
from lichen.server.keepers.zone_histories import ZoneHistories
from lichen.server.keepers.zone_outlooks import ZoneOutlooks
from lichen.server.sections import CarbonSettings
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import SqliteDocuments

NOW = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
NOON = NOW.replace(minute=0)


def fixed(_: Path) -> OutlookSource:
    return FixedOutlook(212.0, ManualClock(NOW), 0.2)


def replay(_: Path) -> OutlookSource:
    first = int(NOON.timestamp())
    times = tuple(first + 3600 * at for at in range(120))
    series = SeriesIntensity("DE", times, tuple(100.0 + at for at in range(120)), 3600)
    return ReplayOutlook(series, ManualClock(NOW))


def platform(folder: Path) -> OutlookSource:
    clock = ManualClock(NOW)
    catalog = Catalog(SqliteDocuments(folder / "db"), LocalBlobs(folder / "blobs"), clock)
    histories = ZoneHistories(CarbonSettings(zone="DE"), folder, clock)
    return ZoneOutlooks(histories, catalog, clock, is_on=True)


@pytest.fixture(params=[fixed, replay, platform])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> OutlookSource:
    make: Callable[[Path], OutlookSource] = request.param
    return make(tmp_path)


def test_the_steps_cover_what_was_asked_for_and_follow_on_each_other(source: OutlookSource) -> None:
    found = checked_outlook(source.outlook("DE", NOW, 10 * HOUR))
    assert found.start <= NOW
    assert found.end >= NOW + 10 * HOUR
    assert found.zone == "DE"
    assert found.issued_at == NOW
    assert found.source
    assert [found.at(found.start + place * found.step) for place in range(len(found.steps))] == [
        *found.steps
    ]


def test_the_quantiles_hold_the_mean_and_do_not_cross(source: OutlookSource) -> None:
    for step in source.outlook("DE", NOW, 96 * HOUR).steps:
        assert step.quantiles[0] <= step.mean <= step.quantiles[-1]
        assert all(low <= high for low, high in pairwise(step.quantiles))


def test_equal_questions_get_equal_answers(source: OutlookSource) -> None:
    assert source.outlook("DE", NOW, 5 * HOUR) == source.outlook("DE", NOW, 5 * HOUR)


def test_a_later_start_gives_the_later_steps(source: OutlookSource) -> None:
    whole, late = (source.outlook("DE", NOON + at * HOUR, 20 * HOUR) for at in (0, 5))
    assert late.start == NOON + 5 * HOUR
    assert late.steps[:15] == whole.steps[5:20]


@pytest.mark.parametrize("hours", [0, -3, 97])
def test_what_no_outlook_reaches_is_refused(source: OutlookSource, hours: int) -> None:
    with pytest.raises(InvalidInput, match="ask for 1 to 96 hours"):
        source.outlook("DE", NOW, timedelta(hours=hours))


def test_a_replay_ends_where_its_series_ends() -> None:
    source = replay(Path())
    assert len(source.outlook("DE", NOON + 100 * HOUR, 96 * HOUR).steps) == 20
    with pytest.raises(Unavailable, match="holds nothing"):
        source.outlook("DE", NOON + 200 * HOUR, HOUR)
    with pytest.raises(NotFound):
        source.outlook("ES", NOON, HOUR)


def test_nobody_expects_anything() -> None:
    source: OutlookSource = NoOutlook(LichenError("there is no history"))
    with pytest.raises(Unavailable, match="there is no history"):
        source.outlook("DE", NOON, HOUR)


@pytest.mark.parametrize("value", [-1.0, 2000.5])
def test_a_figure_that_no_grid_has_is_refused(value: float) -> None:
    with pytest.raises(InvalidInput):
        FixedOutlook(value, ManualClock(NOW))
