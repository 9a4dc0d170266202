"""Where the sun stands, beside published positions."""

from datetime import UTC, datetime

import numpy as np
import pytest

from lichen.carbon.outlook.place import Place, place_of
from lichen.carbon.outlook.solar import clear_sky_kw_per_m2, sine_of_elevation
from lichen.core.errors import InvalidInput


def elevation(moment: datetime, latitude: float, longitude: float) -> float:
    seconds = np.array([moment.timestamp()])
    return float(np.degrees(np.arcsin(sine_of_elevation(seconds, latitude, longitude)[0])))


def test_the_example_of_nrel_is_met_to_a_fiftieth_of_a_degree() -> None:
    """Reda and Andreas, NREL/TP-560-34302 (2008), table A5.1: e0 = 39.872046 degrees."""
    moment = datetime(2003, 10, 17, 19, 30, 30, tzinfo=UTC)
    assert elevation(moment, 39.742476, -105.1786) == pytest.approx(39.872, abs=0.02)


def test_at_the_equinox_the_sun_is_overhead_at_the_equator() -> None:
    """12:07:26 UTC is solar noon at Greenwich on 2024-03-20: the equation of time is -7.4 min."""
    assert elevation(datetime(2024, 3, 20, 12, 7, 26, tzinfo=UTC), 0, 0) > 89.8


def test_the_midnight_sun_and_the_polar_night() -> None:
    assert elevation(datetime(2024, 6, 21, 0, tzinfo=UTC), 80, 0) > 12
    assert elevation(datetime(2024, 12, 21, 12, tzinfo=UTC), 80, 0) < -12


def test_clear_sky_light_is_0_at_night_and_near_a_kilowatt_overhead() -> None:
    hours = np.arange(24) * 3600.0 + datetime(2024, 3, 20, tzinfo=UTC).timestamp()
    light = clear_sky_kw_per_m2(hours, 0, 0)
    assert light.max() == pytest.approx(1.098 * np.exp(-0.057), abs=0.01)
    assert (light[[0, 1, 2, 3, 4, 5, 19, 20, 21, 22, 23]] == 0).all()
    assert light[12] == light.max()


def test_a_zone_has_its_place_its_countrys_or_none() -> None:
    assert place_of("ES").timezone == "Europe/Madrid"
    assert place_of("ES-CN") == place_of("ES")
    assert place_of("XX") == Place()
    assert place_of("US-CAL-CISO").longitude == -119.5


@pytest.mark.parametrize(
    "wrong", [(91.0, 0.0, "UTC"), (0.0, 181.0, "UTC"), (1.0, None, "UTC"), (1.0, 1.0, "Mars/X")]
)
def test_what_is_no_place_is_refused(wrong: tuple[float, float, str]) -> None:
    with pytest.raises(InvalidInput):
        Place(*wrong)
