"""The noun `budgets` for Python: what may be spent, and how much of it is left."""

from urllib.parse import quote

from lichen.client.session import Session
from lichen.core.ids import checked_name
from lichen.protocol.budgets import Budget, BudgetAlert, BudgetRequest


class Budgets:
    """`lichen budget`: limits on joules or grams for each hour, day, month or rolling window."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def set(self, name: str, budget: BudgetRequest) -> Budget:
        """Set a budget, in place of the one of this name.

        Raises:
            InvalidInput: a field is not usable, or there is no such tenant or kind of job.
            NotFound: there is no such deployment, model or alias.
            Forbidden: only an admin sets budgets.
        """
        return self._session.put(_path(name), budget, Budget)

    def ls(self) -> list[Budget]:
        """Every budget with what is left of it and the alerts of its period."""
        return list(self._session.pages("/budgets", Budget))

    def show(self, name: str) -> Budget:
        """One budget.

        Raises:
            NotFound: there is none of this name.
        """
        return self._session.get(_path(name), Budget)

    def rm(self, name: str) -> None:
        """Forget a budget and its alerts.

        Raises:
            NotFound: there is none of this name.
        """
        self._session.send("DELETE", _path(name))

    def alerts(self) -> list[BudgetAlert]:
        """Every alert that is kept, by budget and time."""
        return list(self._session.pages("/alerts", BudgetAlert))


def _path(name: str) -> str:
    return f"/budgets/{quote(checked_name(name, 'budget'), safe='')}"
