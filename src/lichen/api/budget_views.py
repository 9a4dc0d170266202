"""Budgets as messages of the control plane, and back."""

from collections.abc import Sequence

from lichen.carbon.budgets.alerts import Alert
from lichen.carbon.budgets.budget import Budget as Record
from lichen.carbon.budgets.budget import Period, Quantity, Scope
from lichen.core.ids import DEFAULT_TENANT, TenantId
from lichen.protocol.budgets import Budget, BudgetAlert, BudgetRequest, BudgetStanding, Unit

_QUANTITY: dict[Unit, Quantity] = {"nj": Quantity.JOULES, "ng": Quantity.GRAMS}
_UNIT: dict[Quantity, Unit] = {quantity: unit for unit, quantity in _QUANTITY.items()}


def budget_of(name: str, request: BudgetRequest, tenant: TenantId = DEFAULT_TENANT) -> Record:
    """The budget that is asked for.

    Raises:
        InvalidInput: its name, scope, limit or period is not usable.
    """
    return Record(
        name=name,
        scope=Scope.parse(request.scope),
        quantity=_QUANTITY[request.unit],
        limit=request.limit,
        period=Period.parse(request.per),
        tenant=tenant,
        degrade_from=request.degrade_from,
        defers_jobs=request.jobs == "defer",
    )


def budget_view(record: Record, standing: BudgetStanding | str, alerts: Sequence[Alert]) -> Budget:
    """A budget with its standing, or with the sentence that says why that is not known."""
    return Budget(
        name=record.name,
        scope=str(record.scope),
        tenant=record.tenant,
        unit=_UNIT[record.quantity],
        limit=record.limit,
        per=str(record.period),
        degrade_from=record.degrade_from,
        jobs="defer" if record.defers_jobs else "refuse",
        standing=standing if isinstance(standing, BudgetStanding) else None,
        problem=standing if isinstance(standing, str) else None,
        alerts=[alert_view(one) for one in alerts],
    )


def alert_view(alert: Alert) -> BudgetAlert:
    """An alert as its tenant sees it."""
    return BudgetAlert(
        budget=alert.budget,
        tenant=alert.tenant,
        scope=alert.scope,
        percent=alert.percent,
        at=alert.at,
        unit=_UNIT[alert.quantity],
        limit=alert.limit,
        committed=alert.committed,
        resets_at=alert.resets_at,
        webhook=alert.webhook.value,
    )
