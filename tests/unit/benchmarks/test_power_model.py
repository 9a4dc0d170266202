"""The shipped constants are what the table gives, and the intervals cover servers held out."""

from pathlib import Path

import pytest
from power_model import (
    SLOPE,
    Server,
    constants,
    coverage,
    cross_validation,
    fitted,
    leave_out,
    memory_interval,
    memory_w_per_gb,
    servers,
    slope_w,
)

from lichen.core.errors import Unavailable
from lichen.energy.power.parameters import TDP_RELATION, Ratios, parameters_of_tdp
from lichen.energy.power.processors import tdp_table

PAGE = Path(__file__).resolve().parents[3] / "docs" / "explanation" / "how-far-to-trust.md"


def fleet_of(makers: int, each: int) -> list[Server]:
    """Made-up servers whose memory draws 0.2 W per GB, exactly."""
    return [
        Server(
            f"maker {maker}",
            "EPYC 7000",
            chips := 1 + number % 2,
            threads := 32.0 * chips,
            memory := 64.0 + 37 * number + maker,
            (2.0 + number / each) * threads + 9 * chips + 0.2 * memory,
            0.25 * threads + 9 * chips + 0.2 * memory,
            200.0 + number,
        )
        for maker in range(makers)
        for number in range(each)
    ]


def test_the_shipped_constants_are_those_that_the_table_gives(shared_data: Path) -> None:
    fleet = servers(shared_data)
    assert len(fleet) == 240
    for name, computed, shipped in constants(fleet):
        assert computed == shipped, name


def test_the_intervals_cover_servers_of_makers_not_fitted_on(shared_data: Path) -> None:
    rows = cross_validation(servers(shared_data))
    assert [row.quantity for row in rows if not row.kept] == []
    assert len(rows) == 4
    assert [row.line for row in rows if row.line not in PAGE.read_text()] == []


def test_with_its_table_the_relation_to_tdp_is_as_shipped_and_tighter(shared_data: Path) -> None:
    try:
        fleet = servers(shared_data, tdp_table())
    except Unavailable as absent:
        pytest.skip(str(absent))
    for name, computed, shipped in constants(fleet):
        assert computed == shipped, name
    rows = {row.quantity: row for row in cross_validation(fleet)}
    assert all(row.kept for row in rows.values())
    assert [row.line for row in rows.values() if row.line not in PAGE.read_text()] == []
    assert rows["slope, by TDP"].width < rows["slope"].width
    assert rows["idle, by TDP and GB"].width < rows["idle, memory by its GB"].width


def test_the_published_interval_of_memory_holds_the_fitted_one(shared_data: Path) -> None:
    low, high = memory_interval(servers(shared_data))
    assert (round(1000 * low), round(1000 * high)) == (116, 253)


def test_the_memory_of_made_up_servers_is_found() -> None:
    assert memory_w_per_gb(fleet_of(3, 12)) == pytest.approx(0.2)


def test_a_maker_is_held_out_whole() -> None:
    for fit, held_out in leave_out(fleet_of(3, 5), lambda one: one.maker):
        assert len({one.maker for one in held_out}) == 1
        assert not {one.maker for one in held_out} & {one.maker for one in fit}


def test_an_interval_covers_less_of_a_maker_that_differs() -> None:
    alike = fleet_of(4, 30)
    fast = [
        Server("fast", one.processor, one.chips, one.threads, one.memory_gb, 9e4, 1.0, None)
        for one in fleet_of(1, 30)
    ]
    split = leave_out([*alike, *fast], lambda one: one.maker)

    assert coverage(split, SLOPE)[0] < 0.85


def test_the_interval_is_that_of_one_more_server() -> None:
    low, middle, high = fitted(fleet_of(1, 19), slope_w)
    assert low == pytest.approx(1.75)
    assert high == pytest.approx(1.75 + 18 / 19)
    assert low < middle < high


def test_watts_by_tdp_are_shares_of_the_socket() -> None:
    found = parameters_of_tdp(200, 100, "here")
    assert found.slope.median_mw == round(2000 * TDP_RELATION.slope.median)
    assert "200 W" in found.source
    assert Ratios(0.5, 1.0, 2.0).of(3).high_mw == 6000
