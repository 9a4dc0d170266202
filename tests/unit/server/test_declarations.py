"""What the operator declares reaches the reports as it was set, sources and gaps included."""

from pathlib import Path

import pytest

from lichen.carbon.reports.declarations import Declarations, Declared, MarketFactor
from lichen.core.errors import InvalidInput
from lichen.server.declarations import declarations
from lichen.server.pricing import pricing
from lichen.server.settings import load


def declared(tmp_path: Path, **said: str) -> Declarations:
    variables = {f"LICHEN_{name.upper()}": text for name, text in said.items()}
    return declarations(load({"home": tmp_path}, variables).reports)


def test_nothing_is_declared_unless_it_is_said(tmp_path: Path) -> None:
    assert declared(tmp_path) == Declarations()


def test_each_setting_comes_with_its_source(tmp_path: Path) -> None:
    made = declared(
        tmp_path,
        organisation="Agency",
        host_ownership="rented",
        market_g_per_kwh="50",
        market_instrument="contract",
        market_source="Power plc",
        market_evidence="certificate 7",
        direct_g_per_kwh="250",
        direct_source="inventory",
        upstream_g_per_kwh="60",
        water_l_per_kwh="1.8",
        water_source="meter",
    )
    assert made == Declarations(
        organisation="Agency",
        ownership="rented",
        market=MarketFactor(50.0, "contract", "Power plc", "certificate 7"),
        direct=Declared(250.0, "inventory"),
        upstream=Declared(60.0, None),
        water_l_per_kwh=Declared(1.8, "meter"),
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [("host_ownership", "leased"), ("water_l_per_kwh", "-1"), ("market_g_per_kwh", "2001")],
)
def test_what_cannot_be_is_refused_by_its_name(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(InvalidInput, match=f"setting {name} is '?{text}'?"):
        declared(tmp_path, **{name: text})


def test_embodied_carbon_tells_its_source_and_its_years(tmp_path: Path) -> None:
    def source(**said: str) -> str:
        variables = {f"LICHEN_{name.upper()}": text for name, text in said.items()}
        return pricing(load({"home": tmp_path}, variables).carbon, tmp_path).embodied.source

    assert source() == "default: Dell R740, 1200 kg on 48 threads over 4 years"
    assert source(host_life_years="6").endswith("on 48 threads over 6 years")
    stated = source(embodied_kg_per_thread="18", embodied_source="the maker's sheet of 2025")
    assert stated == (
        "stated by the operator: the maker's sheet of 2025, 18 kg a thread over 4 years"
    )
