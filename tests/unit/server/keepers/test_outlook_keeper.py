"""When a zone's outlook is trained, and what of a day's repetitions becomes a job."""

import csv
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lichen.carbon.intensity import Scope, Signal
from lichen.carbon.outlook.archive import ZoneHistory
from lichen.control.jobs import Jobs
from lichen.control.submissions import Submissions
from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput, OverBudget
from lichen.core.tensors import Signature
from lichen.protocol.admin import JobKind, JsonObject
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.server.keepers.outlook_keeper import OutlookKeeper, is_due
from lichen.server.keepers.zone_histories import ZoneHistories
from lichen.server.keepers.zone_outlooks import ZoneOutlooks, model_of
from lichen.server.sections import CarbonSettings
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import SqliteDocuments

NOW = datetime(2026, 6, 20, 9, 5, tzinfo=UTC)


class House:
    """A control plane's parts without a door."""

    def __init__(self, folder: Path, settings: CarbonSettings) -> None:
        self.clock = ManualClock(NOW)
        self.documents = documents = SqliteDocuments(folder / "db")
        self.jobs = Jobs(documents, self.clock)
        self.catalog = Catalog(documents, LocalBlobs(folder / "blobs"), self.clock)
        self.submissions = Submissions(documents, self.jobs, self.clock)
        self.histories = ZoneHistories(settings, folder / "intensities", self.clock)
        self.outlooks = ZoneOutlooks(self.histories, self.catalog, self.clock, is_on=True)
        self.folder = folder

    def keeper(self) -> OutlookKeeper:
        return OutlookKeeper(self.histories, self.catalog, self.submissions, self.clock)

    def seed(self, zone: str, days: int) -> None:
        self.histories.seed(zone, grid(self.folder, days, self.clock.now()))

    def register(self, zone: str, until: datetime) -> None:
        parameters = {"signal": "average", "scope": "lifecycle", "history_until": until.isoformat()}
        draft = Draft(
            model_of(zone), "forecast", "a test", Signature((), ()), "0", parameters=parameters
        )
        self.catalog.register(draft, {"model.onnx": b"x"})


def grid(folder: Path, days: int, end: datetime) -> Path:
    path = folder / "grid.csv"
    last = end.replace(minute=0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("time", "lca"))
        for back in range(days * 24, 0, -1):
            moment = last - timedelta(hours=back)
            writer.writerow((moment.isoformat(), 200 + 50 * math.sin(moment.timestamp() / 9000)))
    return path


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, CarbonSettings(zone="ES"))


def test_a_zone_with_four_weeks_is_trained_once_a_day(house: House) -> None:
    house.seed("ES", 28)
    keeper = house.keeper()
    keeper.turn()
    keeper.turn()
    house.keeper().turn()  # another life on the same day
    (job,) = house.jobs.page("", 10)
    assert (job.kind, job.tenant) == (JobKind.TRAIN, "default")
    assert job.spec == {
        "task": "outlook",
        "name": "intensity-ES",
        "zone": "ES",
        "until": "2026-06-20T09:00:00Z",
    }


def test_each_zone_that_is_known_has_a_job_of_its_own(house: House) -> None:
    house.seed("ES", 30)
    house.seed("PT", 30)
    house.seed("FR", 27)
    house.keeper().turn()
    assert {job.spec["zone"] for job in house.jobs.page("", 10)} == {"ES", "PT"}


def test_the_next_day_brings_the_next_model_when_there_are_new_hours(house: House) -> None:
    house.seed("ES", 40)
    keeper = house.keeper()
    keeper.turn()
    house.register("ES", NOW)
    house.clock.advance(24 * 3600)
    keeper.turn()
    assert len(house.jobs.page("", 10)) == 1, "nothing new is known: a file ends once"
    house.seed("ES", 40)
    keeper.turn()
    assert len(house.jobs.page("", 10)) == 2


def test_a_budget_that_refuses_is_asked_again_after_a_while_and_hinders_no_other_zone(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[object] = []

    def refuse(kind: JobKind, spec: JsonObject, tenant: str) -> None:
        asked.append((kind, spec["zone"], tenant))
        if spec["zone"] == "ES" and len(asked) == 1:
            raise OverBudget("budget b is spent", None)

    house.submissions = Submissions(house.documents, house.jobs, house.clock, refuse)
    house.seed("ES", 30)
    house.seed("PT", 30)
    keeper = house.keeper()
    keeper.turn()
    keeper.turn()
    assert [job.spec["zone"] for job in house.jobs.page("", 10)] == ["PT"]
    assert asked == [("train", "ES", "default"), ("train", "PT", "default")]
    assert "the outlook of ES cannot be trained now: budget b is spent" in caplog.text
    house.clock.advance(15 * 60)
    keeper.turn()
    assert [job.spec["zone"] for job in house.jobs.page("", 10)] == ["PT", "ES"]


def test_nothing_known_is_nothing_to_do(house: House) -> None:
    house.keeper().turn()
    assert house.jobs.page("", 10) == []


def test_a_file_of_the_settings_is_enough(tmp_path: Path) -> None:
    file = grid(tmp_path, 35, NOW)
    house = House(tmp_path, CarbonSettings(zone="ES", intensity_file=file))
    house.keeper().turn()
    assert len(house.jobs.page("", 10)) == 1
    assert house.histories.zones() == ["ES"]


def history(hours: int, signal: Signal = Signal.AVERAGE, back: int = 0) -> ZoneHistory:
    end = int(NOW.timestamp()) // 3600 - back
    made = dict.fromkeys(range(end - hours, end), 100.0)
    return ZoneHistory("ES", made, signal, Scope.LIFECYCLE, ("entsoe",))


def test_what_makes_a_training_due(house: House) -> None:
    assert is_due(history(28 * 24), None, NOW)
    assert not is_due(history(28 * 24 - 1), None, NOW)
    house.register("ES", NOW - timedelta(days=1))
    newest = house.catalog.versions("intensity-ES")[0]
    tomorrow = NOW + timedelta(days=1)
    assert not is_due(history(700), newest, NOW), "it is of today"
    assert is_due(history(700), newest, tomorrow)
    assert not is_due(history(700, back=24), newest, tomorrow), "it knows these hours"
    assert is_due(history(700, Signal.MARGINAL), newest, NOW), "it is of other figures"


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"zone_latitude": 40.0}, "go together"),
        ({"zone_longitude": 4.0}, "go together"),
        ({"zone_timezone": "Mars/Base"}, "no time zone"),
    ],
)
def test_a_place_that_cannot_be_is_refused(
    tmp_path: Path, said: dict[str, object], wrong: str
) -> None:
    with pytest.raises(InvalidInput, match=wrong):
        House(tmp_path, CarbonSettings(zone="ES", **said))  # type: ignore[arg-type]


def test_the_settings_say_where_their_own_zone_lies(tmp_path: Path) -> None:
    said = CarbonSettings(zone="XX", zone_latitude=10.0, zone_longitude=20.0)
    house = House(tmp_path, said)
    assert (house.histories.place("XX").latitude, house.histories.place("ES").latitude) == (10, 40)
    clocks = CarbonSettings(zone="ES", zone_timezone="Atlantic/Canary")
    assert House(tmp_path / "other", clocks).histories.place("ES").longitude == -4


def test_a_model_that_is_no_outlook_is_passed_over_with_its_reason(house: House) -> None:
    house.seed("ES", 28)
    house.register("ES", NOW)
    found = house.outlooks.outlook("ES", NOW, timedelta(hours=3))
    assert found.method == "profile"
    assert found.remarks[0].startswith("no model: ")
