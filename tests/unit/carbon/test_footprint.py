"""Grams from joules, worked by hand (C1, C3, C4)."""

from datetime import UTC, datetime

import pytest

from lichen.carbon.footprint import CarbonRate, HostEmbodied, issue_receipt
from lichen.carbon.grids.fixed import ConstantIntensity
from lichen.core.errors import InvalidInput
from lichen.core.figures import EnergyFigure, Method
from lichen.core.units import NANOJOULES_PER_KWH, Nanojoules

NOW = datetime(2026, 11, 21, 23, 0, tzinfo=UTC)
INTENSITY = ConstantIntensity(400.0, 200.0, 600.0).at("DE", NOW)
KWH = NANOJOULES_PER_KWH
HOUR_NS = 3_600 * 10**9


def energy(nj: int, low: int, high: int) -> EnergyFigure:
    return EnergyFigure(
        Nanojoules(nj), Nanojoules(low), Nanojoules(high), Method.MODELLED, "model 1"
    )


def test_a_kilowatt_hour_costs_the_intensity_times_the_pue() -> None:
    assert CarbonRate(INTENSITY).grams(KWH) == 400 * 10**9
    assert CarbonRate(INTENSITY, pue=1.5).grams(KWH) == 600 * 10**9
    assert CarbonRate(INTENSITY).grams(-KWH) == -400 * 10**9


def test_the_embodied_share_follows_time_and_threads() -> None:
    # 25 kg a thread over 4 years of 365.25 days: an hour of one thread is 25000 / 35064 g.
    rate = CarbonRate(INTENSITY, embodied=HostEmbodied(threads=2))

    assert rate.grams(0, HOUR_NS) == pytest.approx(25_000 / 35_064 * 1e9, rel=1e-9)
    assert rate.grams(KWH, HOUR_NS) == rate.grams(KWH) + rate.grams(0, HOUR_NS)


def test_an_interval_takes_each_end_of_everything() -> None:
    rate = CarbonRate(INTENSITY, pue=2.0, embodied=HostEmbodied(threads=2))
    figure = rate.figure(energy(KWH, KWH // 2, 2 * KWH), HOUR_NS)

    assert figure.ng == rate.grams(KWH, HOUR_NS)
    assert figure.ng_low == pytest.approx((0.5 * 200 * 2 + 10_000 / 35_064) * 1e9)
    assert figure.ng_high == pytest.approx((2 * 600 * 2 + 90_000 / 35_064) * 1e9)
    assert figure.zone == "DE"
    assert "declared by the operator; PUE 2; embodied default: Dell R740" in figure.source


def test_a_receipt_carries_all_of_it_and_is_final() -> None:
    figure = energy(2_130_400, 900_100, 3_100_200)
    receipt = issue_receipt(figure, CarbonRate(INTENSITY), NOW, variant="int8")

    assert receipt.energy is figure
    assert receipt.carbon is not None
    assert receipt.carbon.ng == round(2_130_400 * 400 / 3_600_000)
    assert (receipt.at, receipt.variant) == (1_795_302_000, "int8")


def test_without_an_intensity_carbon_is_absent_and_not_zero() -> None:
    assert issue_receipt(energy(1, 1, 1), None, NOW).carbon is None


@pytest.mark.parametrize("pue", [0.99, -1.0, 11.0, float("nan")])
def test_an_impossible_pue_is_refused(pue: float) -> None:
    with pytest.raises(InvalidInput, match="PUE"):
        CarbonRate(INTENSITY, pue=pue)


def test_an_impossible_host_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one thread"):
        HostEmbodied(threads=0)
    with pytest.raises(InvalidInput, match="life"):
        HostEmbodied(threads=1, life_years=0)
    with pytest.raises(InvalidInput, match="outside its interval"):
        HostEmbodied(threads=1, kg_per_thread=5)
