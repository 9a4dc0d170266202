import pytest

from lichen.data.units import unit_of


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("Demand (MW)", "MW"),
        ("Demand [mw]", "MW"),
        ("probe (mW)", "mW"),
        ("load_kwh", "kWh"),
        ("load_mwh", "MWh"),
        ("Energy (MWH)", "MWh"),
        ("Rain (MM)", "mm"),
        ("sensor (mWh)", None),
        ("spark (mJ)", None),
        ("line (MV)", None),
        ("sensor (mV)", "mV"),
        ("Temperature (degC)", "°C"),
        ("temp_degC", "°C"),
        ("负荷(兆瓦)", "MW"),
        ("温度\uff08℃\uff09", "°C"),
        ("湿度(%)", "%"),
        ("PM2.5 (μg/m³)", "µg/m3"),
        ("gCO2eq_per_kWh", "gCO2e/kWh"),
        ("CO(GT)", None),
        ("PT08.S1(CO)", None),
        ("Demand", None),
        ("WorkDay", None),
        ("building_1", None),
        ("window", None),
    ],
)
def test_a_unit_is_read_only_where_it_is_plain(header: str, unit: str | None) -> None:
    assert unit_of(header) == unit
