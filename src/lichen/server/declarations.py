"""What the operator declares for reports: settings into the records that reports are made with."""

from lichen.carbon.reports.declarations import Declarations, Declared, MarketFactor
from lichen.server.sections import ReportSettings


def declarations(settings: ReportSettings) -> Declarations:
    """What is declared; a factor without its source is handed on, and the report says so."""
    market = settings.market_g_per_kwh
    return Declarations(
        organisation=settings.organisation,
        ownership=settings.host_ownership,
        market=None
        if market is None
        else MarketFactor(
            market,
            settings.market_instrument,
            settings.market_source,
            settings.market_evidence,
        ),
        direct=_declared(settings.direct_g_per_kwh, settings.direct_source),
        upstream=_declared(settings.upstream_g_per_kwh, settings.upstream_source),
        water_l_per_kwh=_declared(settings.water_l_per_kwh, settings.water_source),
    )


def _declared(value: float | None, source: str | None) -> Declared | None:
    return None if value is None else Declared(value, source)
