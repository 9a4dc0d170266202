"""The unit of a column, where its header plainly says it."""

import re

_KNOWN = (
    "W kW MW GW TW Wh kWh MWh GWh TWh J kJ MJ GJ VA kVA MVA var kvar Mvar V kV mV A mA Hz Pa kPa "
    "MPa hPa bar mbar psi °C °F K m mm cm km m2 m3 l ml min h kg g mg ug t kgCO2e gCO2e tCO2e "
    "% ppm ppb pH NTU m/s km/h mm/h m3/h m3/s l/s l/min l/h mg/l ug/l mg/m3 ug/m3 µg/m3 W/m2 "
    "kWh/m2 g/kWh gCO2e/kWh kgCO2e/kWh EUR/MWh USD/MWh EUR/kWh USD/kWh CNY/kWh uS/cm µS/cm "
    "mS/cm dB lux deg rpm"
)
_CANONICAL = {
    **{unit.casefold(): unit for unit in _KNOWN.split()},
    **dict.fromkeys(("degc", "℃", "celsius", "deg c", "摄氏度", "c"), "°C"),
    **dict.fromkeys(("degf", "℉", "fahrenheit", "deg f", "f"), "°F"),
    **dict.fromkeys(("percent", "pct", "\uff05"), "%"),
    "千瓦": "kW",
    "兆瓦": "MW",
    "千瓦时": "kWh",
    "兆瓦时": "MWh",
    "度": "kWh",
    "m³": "m3",
    "m³/h": "m3/h",
    "μg/m³": "µg/m3",
    "μg/m3": "µg/m3",
    "µg/m³": "µg/m3",
    "ug/m³": "µg/m3",
    "w/m²": "W/m2",
}
_EXACT = {"mW": "mW", "MJ": "MJ", "mPa": "mPa"}
"""Where the case of the first letter is a prefix of its own."""
_BRACKETED = re.compile(r"[(\[\uff08【]\s*([^()\[\]\uff08\uff09【】]+?)\s*[)\]\uff09】]\s*$")
_SUFFIX = re.compile(r"[_ ]([A-Za-z%]+)$")
_SUFFIXES = (
    "w kw mw gw wh kwh mwh gwh degc degf celsius fahrenheit pct percent ppm ppb hpa kpa mbar "
    "ntu hz kv kva mva"
)
_RATE = re.compile(r"(?i)(g|kg|t)co2(?:eq?)?_per_(kwh|mwh)")


def unit_of(header: str) -> str | None:
    """The unit in a header such as `Demand (MW)`, `温度(℃)` or `load_kwh`; None where unsaid."""
    rate = _RATE.search(header)
    if rate is not None:
        return f"{rate[1].lower()}CO2e/{_CANONICAL[rate[2].lower()]}"
    bracketed = _BRACKETED.search(header)
    if bracketed is not None:
        return canonical(bracketed[1])
    suffix = _SUFFIX.search(header)
    if suffix is not None and suffix[1].casefold() in _SUFFIXES.split():
        return canonical(suffix[1])
    return None


def canonical(text: str) -> str | None:
    """A known unit as it is written here; None for other text, and where milli may be mega."""
    said = text.strip()
    unit = _EXACT.get(said) or _CANONICAL.get(said.casefold())
    return None if unit is None or _is_another_prefix(said, unit) else unit


def _is_another_prefix(said: str, unit: str) -> bool:
    """`mWh` is no MWh and `MV` no mV; `mwh`, `MWH` and `MM` are but carelessly written."""
    if {said[0], unit[0]} != {"m", "M"} or said == unit:
        return False
    return unit in ("mV", "mA") or not (said.islower() or said.isupper())
