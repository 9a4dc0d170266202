"""What is expected of a zone, and the seeding of its history, over HTTP."""

import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import duckdb
import httpx
import pytest

from lichen.api.admin_routes import Plane
from lichen.core.clock import ManualClock
from lichen.security.identity import Role


class House(Protocol):
    plane: Plane
    clock: ManualClock

    def caller(self, role: Role | None = Role.ADMIN, tenant: str = "default") -> httpx.Client: ...


@pytest.fixture
def upload_bytes() -> int:
    """Room for a few weeks of hours."""
    return 10**6


def csv(house: House, hours: int, name: str = "lca", **changed: str) -> str:
    end = house.clock.now().replace(minute=0, second=0, microsecond=0)
    lines = [f"time,{name}"]
    for back in range(hours, 0, -1):
        moment = end - timedelta(hours=back)
        value = 200 + 50 * math.sin(moment.timestamp() / 13000)
        lines.append(f"{moment.isoformat()},{changed.get(f'h{back}', f'{value:.2f}')}")
    return "\n".join(lines) + "\n"


def seed(caller: httpx.Client, text: str, **query: str) -> httpx.Response:
    asked = {"filename": "grid.csv", **query}
    return caller.put("/zones/ES/history", content=text.encode(), params=asked)


def test_an_outlook_without_history_is_the_yearly_average_and_says_so(admin: httpx.Client) -> None:
    said = admin.get("/zones/es/outlook").json()
    assert (said["zone"], said["method"], said["kind"]) == ("ES", "yearly-average", "estimated")
    assert len(said["steps"]) == 48
    assert said["quantile_levels"] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert said["remarks"] == ["no hourly intensity of ES was ever recorded"]


def test_a_seeded_zone_has_a_profile_until_there_is_a_model(
    house: House, admin: httpx.Client
) -> None:
    done = seed(admin, csv(house, 20 * 24))
    assert done.status_code == 200, done.text
    assert (done.json()["kept"], done.json()["missing_hours"]) == (480, 0)
    said = admin.get("/zones/ES/outlook", params={"hours": 96}).json()
    assert said["method"] == "profile"
    assert len(said["steps"]) == 96
    first, second = (datetime.fromisoformat(one["start"]) for one in said["steps"][:2])
    assert second - first == timedelta(seconds=said["step_seconds"])
    assert "profile of the last 14 days of seed" in said["source"]


def test_of_a_zone_that_nobody_knows_the_worlds_average_is_told(admin: httpx.Client) -> None:
    said = admin.get("/zones/XX/outlook", params={"hours": 3}).json()
    assert said["source"].startswith("world average (nothing is known of XX)")
    assert len(said["steps"]) == 3


def test_a_parquet_file_will_do(house: House, admin: httpx.Client, tmp_path: Path) -> None:
    source, file = tmp_path / "grid.csv", tmp_path / "grid.parquet"
    source.write_text(csv(house, 48))
    with duckdb.connect() as connection:
        connection.read_csv(str(source)).write_parquet(str(file))
    query = {"filename": "Grid.PARQUET"}
    done = admin.put("/zones/ES/history", content=file.read_bytes(), params=query)
    assert done.json()["kept"] == 48, done.text
    wrong = admin.put("/zones/ES/history", content=b"no parquet", params=query)
    assert wrong.status_code == 400
    assert "Grid.PARQUET cannot be read as Parquet" in wrong.json()["detail"]
    assert list(house.plane.uploads.iterdir()) == []


@pytest.mark.parametrize("hours", ["0", "97", "-5", "x", "1.5", "9999999"])
def test_a_span_that_cannot_be_is_refused(admin: httpx.Client, hours: str) -> None:
    refused = admin.get("/zones/ES/outlook", params={"hours": hours})
    assert refused.status_code == 400
    assert refused.json()["code"] == "InvalidInput"


@pytest.mark.parametrize("start", ["yesterday", "2001-01-01T00:00:00Z"])
def test_a_start_that_cannot_be_is_refused(admin: httpx.Client, start: str) -> None:
    assert admin.get("/zones/ES/outlook", params={"start": start}).status_code == 400


def test_no_outlook_of_what_is_no_zone(admin: httpx.Client) -> None:
    assert admin.get("/zones/nowhere!/outlook").status_code == 400


def rows(*lines: str) -> str:
    return "time,lca\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (rows("2026-01-01T00:00Z,100", "2026-01-01T01:00Z,-5"), "row 3: an intensity of -5 g/kWh"),
        (rows("2026-01-01T00:00Z,100", "2026-01-01T01:00Z,2001"), "row 3: an intensity of 2001"),
        (rows("2026-01-01T01:00Z,100", "2026-01-01T00:00Z,90"), "does not come after the row"),
        (rows("2026-01-01T00:00Z,100", "soon,90"), "row 3"),
        (rows("1999-01-01T00:00Z,100", "1999-01-01T01:00Z,90"), "no value of the last 400 days"),
        ("", "needs a header"),
        ("\x00\x01", "needs a header"),
    ],
)
def test_a_file_that_cannot_be_is_refused_whole_by_its_own_name(
    house: House, admin: httpx.Client, text: str, says: str
) -> None:
    refused = seed(admin, text)
    assert refused.status_code == 400
    assert says in refused.json()["detail"]
    assert "grid.csv" in refused.json()["detail"]
    assert str(house.plane.uploads) not in refused.text
    assert list(house.plane.uploads.iterdir()) == []
    assert admin.get("/zones/ES/outlook").json()["method"] == "yearly-average"


def test_a_column_is_asked_for_by_name(house: House, admin: httpx.Client) -> None:
    assert seed(admin, csv(house, 48), column="lca").json()["kept"] == 48
    assert "has no column" in seed(admin, csv(house, 48), column="other").json()["detail"]


def test_a_file_an_hour_off_from_what_is_known_is_refused(
    house: House, admin: httpx.Client
) -> None:
    seed(admin, csv(house, 72))
    text = csv(house, 72)
    shifted = text.replace("+00:00", "-01:00")
    refused: Any = seed(admin, shifted).json()
    assert "its clock is off" in refused["detail"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.PREDICTOR])
def test_who_may_only_look_cannot_seed(house: House, role: Role) -> None:
    caller = house.caller(role)
    assert seed(caller, csv(house, 48)).status_code == 403
    assert list(house.plane.uploads.iterdir()) == []
