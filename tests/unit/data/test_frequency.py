import pytest

from lichen.data.frequency import frequency_of, iso_duration

DAY_S = 86_400


@pytest.mark.parametrize(
    ("distances", "iso", "seconds"),
    [
        ([(1800, 100)], "PT30M", 1800),
        ([(3600, 100), (7200, 9)], "PT1H", 3600),
        ([(DAY_S, 360), (DAY_S - 3600, 1), (DAY_S + 3600, 1)], "P1D", DAY_S),
        ([(31 * DAY_S, 7), (30 * DAY_S, 4), (28 * DAY_S, 1)], "P1M", None),
        ([(91 * DAY_S, 2), (92 * DAY_S, 2)], "P3M", None),
        ([(365 * DAY_S, 3), (366 * DAY_S, 1)], "P1Y", None),
        ([(7 * DAY_S, 52)], "P7D", 7 * DAY_S),
    ],
)
def test_the_step_is_found(distances: list[tuple[int, int]], iso: str, seconds: int | None) -> None:
    found = frequency_of(distances)
    assert found is not None
    assert (found.iso, found.seconds) == (iso, seconds)


@pytest.mark.parametrize("distances", [[], [(60, 1), (61, 1), (62, 1)], [(0, 5)]])
def test_no_step_explains_half(distances: list[tuple[int, int]]) -> None:
    assert frequency_of(distances) is None


@pytest.mark.parametrize(
    ("seconds", "iso"), [(5400, "PT1H30M"), (1, "PT1S"), (90_000, "PT25H"), (172_800, "P2D")]
)
def test_durations(seconds: int, iso: str) -> None:
    assert iso_duration(seconds) == iso
