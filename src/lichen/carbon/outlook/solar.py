"""Where the sun stands, and how much light a clear sky lets through: closed form, no tables.

Position: the low-precision formulas of the Astronomical Almanac (U.S. Naval Observatory, "Computing
Approximate Solar Coordinates"; 0.01 degrees from 1950 to 2050), with Greenwich mean sidereal time.
Clear sky: B. Haurwitz, "Insolation in relation to cloudiness and cloud density", Journal of
Meteorology 2 (1945) 154-166, as G = 1098 cos(z) exp(-0.057 / cos(z)) W/m2.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

J2000_S = 946_728_000
"""2000-01-01 12:00 in seconds since 1970: day 0 of the formulas, Julian date 2451545.0."""
_DAY_S = 86_400.0

Floats = NDArray[np.floating[Any]]


def sine_of_elevation(seconds: Floats, latitude: float, longitude: float) -> Floats:
    """The sine of the sun's elevation (without refraction) at moments given in seconds since 1970.

    Degrees; north and east are positive.
    """
    days = (np.asarray(seconds, dtype=np.float64) - J2000_S) / _DAY_S
    mean_longitude = np.radians(280.460 + 0.9856474 * days)
    anomaly = np.radians(357.528 + 0.9856003 * days)
    ecliptic = (
        mean_longitude
        + np.radians(1.915) * np.sin(anomaly)
        + np.radians(0.020) * np.sin(2 * anomaly)
    )
    obliquity = np.radians(23.439 - 0.0000004 * days)
    right_ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(obliquity) * np.sin(ecliptic))
    sidereal = np.radians(280.46061837 + 360.98564736629 * days)
    hour_angle = sidereal + np.radians(longitude) - right_ascension
    here = np.radians(latitude)
    sine: Floats = np.sin(here) * np.sin(declination) + np.cos(here) * np.cos(declination) * np.cos(
        hour_angle
    )
    return sine


def clear_sky_kw_per_m2(seconds: Floats, latitude: float, longitude: float) -> Floats:
    """Global horizontal irradiance under a clear sky, kW/m2; 0 while the sun is down."""
    sine = sine_of_elevation(seconds, latitude, longitude)
    up = np.maximum(sine, 1e-6)
    return np.where(sine > 0, 1.098 * up * np.exp(-0.057 / up), 0.0)
