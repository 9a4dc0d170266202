"""Who asks for intensities, when, and what the others see of it."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lichen.carbon.grids.kept import Kept, kept_file, read_kept, write_kept
from lichen.carbon.grids.replay import ReplayServer, Told, electricitymaps_history
from lichen.carbon.intensity import IntensityValue, Kind
from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput
from lichen.server.keepers.intensity_keeper import IntensityKeeper
from lichen.server.keepers.intensity_services import services
from lichen.server.keepers.zone_intensity import ZoneObservations
from lichen.server.pricing import SERVICE_NEEDS, pricing
from lichen.server.sections import CarbonSettings
from lichen.server.settings import as_environment, load

NOON = datetime(2026, 6, 1, 12, 0, 5, tzinfo=UTC)
NAME = "electricitymaps"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def server(clock: ManualClock) -> Iterator[ReplayServer]:
    def answer(_: object) -> Told:
        hours = [clock.now().replace(minute=0, second=0) - timedelta(hours=at) for at in (2, 1, 0)]
        said = electricitymaps_history("DE", [(hour, 240.0) for hour in hours])
        return Told(said, date=clock.now())

    with ReplayServer(answer) as replay:
        yield replay


def configured(server: ReplayServer, **more: object) -> CarbonSettings:
    said: dict[str, object] = {
        "zone": "DE", "electricitymaps_token": "secret", "electricitymaps_url": server.url, **more
    }  # fmt: skip
    return CarbonSettings(**said)  # type: ignore[arg-type]


def keeper(settings: CarbonSettings, folder: Path, clock: ManualClock) -> IntensityKeeper:
    return IntensityKeeper(services(settings), "DE", folder, clock)


def now_of(settings: CarbonSettings, folder: Path, clock: ManualClock) -> IntensityValue:
    return pricing(settings, folder).rate(clock.now()).intensity


def test_every_process_reads_what_one_asked_for(
    server: ReplayServer, clock: ManualClock, tmp_path: Path
) -> None:
    settings = configured(server)
    before = now_of(settings, tmp_path, clock)
    keeper(settings, tmp_path, clock).turn()
    after = now_of(settings, tmp_path, clock)

    assert before.passed_over == ("electricitymaps: nothing was fetched yet",)
    assert before.source.startswith("yearly average of Germany")
    assert (after.g_per_kwh, after.kind) == (240.0, Kind.OBSERVED)
    assert after.source.startswith("electricitymaps: ")
    assert len(server.asked) == 1


def test_a_service_is_asked_once_a_period_and_not_again_after_a_restart(
    server: ReplayServer, clock: ManualClock, tmp_path: Path
) -> None:
    settings = configured(server)
    asking = keeper(settings, tmp_path, clock)
    asking.turn()
    clock.advance(300)
    asking.turn()
    keeper(settings, tmp_path, clock).turn()
    assert len(server.asked) == 1
    clock.advance(300)
    asking.turn()
    assert len(server.asked) == 2


def test_an_expired_token_is_told_once_and_the_next_source_serves_on(
    server: ReplayServer, clock: ManualClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = configured(server)
    server.answer = lambda _: Told("{}", 401, date=clock.now())
    asking = keeper(settings, tmp_path, clock)
    for _ in range(5):
        asking.turn()
        clock.advance(1000)

    value = now_of(settings, tmp_path, clock)
    assert value.source.startswith("yearly average of Germany")
    assert "refuses the token or the account (HTTP 401)" in value.passed_over[0]
    assert len(server.asked) == 2
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "secret" not in caplog.text


def test_refused_values_are_told(
    server: ReplayServer, clock: ManualClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hour = NOON.replace(second=0)
    values = [(hour - timedelta(hours=1), 9000.0), (hour, 200.0)]
    server.answer = lambda _: Told(electricitymaps_history("DE", values), date=NOON)
    keeper(configured(server), tmp_path, clock).turn()
    assert "values were refused: 9000 g/kWh at 2026-06-01 11:00Z cannot be" in caplog.text


def test_what_was_known_of_another_zone_is_not_mixed_in(
    server: ReplayServer, clock: ManualClock, tmp_path: Path
) -> None:
    IntensityKeeper(services(configured(server)), "DE", tmp_path, clock).turn()
    IntensityKeeper(services(configured(server)), "FR", tmp_path, clock).turn()
    kept = read_kept(kept_file(tmp_path, NAME))
    assert kept.answer is None
    assert "answered for zone 'DE', not for FR" in kept.problem


def test_a_folder_that_cannot_be_written_stops_nothing(
    server: ReplayServer, clock: ManualClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    keeper(configured(server), tmp_path / "file", clock).turn()
    assert "cannot be kept" in caplog.text


def test_its_thread_begins_at_once_and_ends_when_told(
    server: ReplayServer, clock: ManualClock, tmp_path: Path
) -> None:
    write_kept(kept_file(tmp_path, NAME), Kept(None))
    asking = keeper(configured(server), tmp_path, clock)
    asking.start()
    while not server.asked:
        pass
    asking.stop()
    assert not asking._routine.is_running

    idle = keeper(CarbonSettings(zone="DE"), tmp_path, clock)
    idle.start()
    idle.stop()
    assert not idle._routine.is_running


def test_the_order_is_the_operators(
    server: ReplayServer, clock: ManualClock, tmp_path: Path
) -> None:
    settings = configured(
        server, intensity_g_per_kwh=10.0, intensity_sources="electricitymaps, constant"
    )
    assert now_of(settings, tmp_path, clock).source == "constant: declared by the operator"
    keeper(settings, tmp_path, clock).turn()
    assert now_of(settings, tmp_path, clock).g_per_kwh == 240.0
    clock.advance(86400)
    assert now_of(settings, tmp_path, clock).g_per_kwh == 10.0


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"intensity_sources": "averages,solarmaps"}, "names 'solarmaps'"),
        ({"intensity_sources": "averages,averages"}, "twice"),
        ({"intensity_sources": "entsoe"}, "needs entsoe_token"),
        ({"intensity_sources": "watttime", "watttime_user": "me"}, "needs watttime_password"),
        ({"intensity_sources": "electricitymaps"}, "needs electricitymaps_token"),
        ({"intensity_sources": "constant"}, "set intensity_g_per_kwh"),
        ({"intensity_sources": "file"}, "set intensity_file"),
    ],
)
def test_an_order_that_cannot_be_followed_is_refused(
    said: dict[str, str], says: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match=says):
        pricing(CarbonSettings(**said), tmp_path)  # type: ignore[arg-type]


def test_every_service_is_built_from_its_settings() -> None:
    needs = {name: "x" for needed in SERVICE_NEEDS.values() for name in needed}
    settings = CarbonSettings(intensity_sources="neso,watttime,entsoe,electricitymaps", **needs)  # type: ignore[arg-type]
    names = [one.name for one in services(settings)]
    assert names == ["neso", "watttime", "entsoe", "electricitymaps"]


def test_tokens_reach_children_and_no_message(tmp_path: Path) -> None:
    settings = load({"home": tmp_path, "entsoe_token": "hidden", "watttime_password": "hushed"}, {})
    assert "hidden" in as_environment(settings).values()
    assert "hidden" not in repr(settings)
    assert "hushed" not in repr(settings)


def test_a_zone_shows_how_the_asking_goes(
    server: ReplayServer, clock: ManualClock, tmp_path: Path
) -> None:
    settings = configured(server, intensity_sources="electricitymaps,averages")
    asking = keeper(settings, tmp_path, clock)
    zones = ZoneObservations(pricing(settings, tmp_path), clock)
    before = zones.zone("DE")
    asking.turn()
    after = zones.zone("DE")
    server.answer = lambda _: Told("{}", 503, date=clock.now())
    clock.advance(700)
    asking.turn()
    failing = zones.zone("DE")

    assert (before.answered_by, before.sources[0].asked_at) == ("yearly averages", None)
    assert (after.answered_by, after.sources[0].g_per_kwh) == (NAME, 240.0)
    assert after.sources[0].asked_at == "2026-06-01T12:00:05Z"
    assert (failing.answered_by, failing.sources[0].problem) == (
        NAME,
        "127.0.0.1 answered HTTP 503",
    )
