"""A platform that is given a zone's history: the model that it trains, and what this costs."""

import json
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from lichen.carbon.grids.replay import ReplayServer, Told, electricitymaps_history
from lichen.carbon.outlook.history import histories
from lichen.cli.main import run
from lichen.client.connection import Lichen
from lichen.protocol.admin import JobState

DAYS = 45
Until = Callable[[Callable[[], bool]], None]


class Running(Protocol):
    home: Path
    environment: dict[str, str]

    def up(self) -> None: ...
    def down(self) -> int: ...
    def client(self) -> Lichen: ...


def this_hour() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    """Forty-five days of a swing, to the present hour."""
    path, present = tmp_path / "grid.csv", this_hour()
    lines = ["time,gCO2eq_per_kWh_lca"]
    for back in range(DAYS * 24, 0, -1):
        moment = present - timedelta(hours=back)
        turn = 2 * math.pi * moment.timestamp() / 86400
        noise = (int(moment.timestamp()) // 3600 * 7919 % 101) / 10
        lines.append(f"{moment:%Y-%m-%d %H:%M:%S},{250 + 80 * math.sin(turn) + noise:.2f}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def service() -> Iterator[ReplayServer]:
    present = this_hour()

    def answer(_: object) -> Told:
        values = [(present - timedelta(hours=back), 123.0) for back in range(23, -1, -1)]
        return Told(electricitymaps_history("DE", values))

    with ReplayServer(answer) as replay:
        yield replay


def test_a_seeded_zone_gets_a_model_of_its_own_which_is_metered_and_served(
    platform: object, lichen: Lichen, grid: Path, until: Until
) -> None:
    del platform
    assert lichen.outlook("PT").method == "yearly-average"
    assert lichen.seed_history("PT", grid).kept == DAYS * 24
    until(lambda: lichen.outlook("PT").method == "model")

    said = lichen.outlook("PT", 96)
    assert said.source == "intensity-PT@1 on seed"
    assert len(said.steps) == 96
    for step in said.steps[:72]:
        expected = 255 + 80 * math.sin(2 * math.pi * step.start.timestamp() / 86400)
        assert step.g_per_kwh == pytest.approx(expected, abs=30)
        assert step.quantiles == sorted(step.quantiles)

    version = lichen.models.show("intensity-PT@1")
    scores = {one.name: one.value for one in version.metrics}
    assert scores["MAPE"] < 10
    assert version.parameters["history_sources"] == ["seed"]
    (job,) = [one for one in lichen.jobs.ls() if one.spec.get("zone") == "PT"]
    assert job.state is JobState.SUCCEEDED
    assert job.receipt is not None
    assert version.receipt is not None
    assert version.receipt.energy.nj == job.receipt.energy.nj > 0
    account = f"work/default/{job.id}/intensity-PT/train"
    until(lambda: account in {one.account for one in lichen.ledger().accounts})

    lichen.deployments.deploy("intensity-PT@1", "sun-and-wind")
    assert lichen.deployments.show("sun-and-wind").state == "ready"
    lichen.deployments.undeploy("sun-and-wind")


def test_the_command_line_seeds_and_looks_ahead(
    platform: Running,
    grid: Path,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in platform.environment.items():
        monkeypatch.setenv(name, value)

    def ask(*arguments: str) -> str:
        assert run(list(arguments)) == 0
        return capsys.readouterr().out

    assert json.loads(ask("zones", "seed", "IE", str(grid), "--json"))["kept"] == DAYS * 24
    until(lambda: json.loads(ask("zones", "IE", "--outlook", "5", "--json"))["method"] == "model")
    assert len(json.loads(ask("zones", "IE", "--outlook", "5", "--json"))["steps"]) == 5
    shown = ask("zones", "IE", "--outlook", "3").splitlines()
    assert shown[0].split() == ["from", "(UTC)", "g/kWh", "median", "80%"]
    assert len(shown) >= 5
    assert run(["zones", "IE", "--outlook", "97"]) == 2


def test_what_a_service_says_is_kept_for_longer_than_two_days(
    stopped: Running, service: ReplayServer, until: Until
) -> None:
    running = stopped
    said = {"ELECTRICITYMAPS_TOKEN": "of-nobody", "ELECTRICITYMAPS_URL": service.url}
    running.environment |= {f"LICHEN_{name}": value for name, value in said.items()}
    running.up()
    folder = running.home / "intensities" / "history"
    until(lambda: bool(histories(folder, "DE")))
    (kept,) = histories(folder, "DE")
    assert kept.origin.source == "electricitymaps"
    assert {point.g_per_kwh for point in kept.points} == {123.0}
    assert len(kept.points) == 24
    found = running.client().outlook("DE")
    assert found.method in ("day-ago", "yearly-average")
    assert running.down() == 0


def test_switched_off_nothing_is_trained(stopped: Running, grid: Path, until: Until) -> None:
    running = stopped
    running.environment["LICHEN_OUTLOOK"] = "false"
    running.up()
    client = running.client()
    client.seed_history("DE", grid)
    until(lambda: client.outlook("DE").method == "profile")
    assert client.outlook("DE").remarks == ["no model: the setting `outlook` is off"]
    assert list(client.jobs.ls()) == []
