"""How every budget stands: this process's view of the files that all who spend write (B2)."""

from collections.abc import Mapping, Sequence
from threading import Lock

from lichen.carbon.budgets.budget import Budget
from lichen.carbon.budgets.budget_account import BudgetAccount
from lichen.carbon.budgets.budget_records import every_budget
from lichen.carbon.budgets.standing import Standing
from lichen.core.clock import Clock
from lichen.core.errors import Corrupt, InvalidInput, LichenError
from lichen.monitoring.exposition import BudgetGauge
from lichen.protocol.budgets import BudgetStanding
from lichen.server.home import Home
from lichen.store.documents import DocumentStore


class BudgetAccounts:
    """Looks, and spends nothing; files are opened once and kept. Any thread may ask."""

    def __init__(self, documents: DocumentStore, home: Home, clock: Clock) -> None:
        self._documents = documents
        self._folder = home.budgets
        self._clock = clock
        self._lock = Lock()
        self._opened: dict[str, BudgetAccount] = {}

    def standing(self, budget: Budget) -> Standing:
        """How a budget stands now.

        Raises:
            Corrupt: its file is damaged.
            StorageFailed: its file cannot be read.
            Unavailable: its file is held by a process that was stopped.
        """
        with self._lock:
            try:
                return self._account(budget).standing()
            except Corrupt:  # or removed: the file that is there now says how it stands
                damaged = self._opened.pop(budget.name, None)
                if damaged is None:
                    raise
                damaged.close()
                return self._account(budget).standing()

    def view(self, budget: Budget) -> BudgetStanding | str:
        """The same as a message; a sentence where it cannot be known."""
        try:
            found = self.standing(budget)
        except LichenError as error:
            return str(error)
        return BudgetStanding(
            committed=found.committed, remaining=found.remaining, resets_at=found.resets_at
        )

    def gauges(self) -> Sequence[BudgetGauge]:
        """How every budget stands, for `/metrics`.

        Raises:
            StorageFailed: the store cannot be read.
        """
        return [BudgetGauge(one, self._committed(one)) for one in self.every().values()]

    def _committed(self, budget: Budget) -> int | None:
        try:
            return self.standing(budget).committed
        except LichenError:
            return None  # `lichen budget ls` and the log say why

    def every(self) -> Mapping[str, Budget]:
        """All budgets by name; what was opened for others is closed.

        Raises:
            StorageFailed: the store cannot be read.
        """
        found = {one.name: one for one in every_budget(self._documents)}
        with self._lock:
            for name in set(self._opened) - set(found):
                self._opened.pop(name).close()
        return found

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            for one in self._opened.values():
                one.close()
            self._opened.clear()

    def _account(self, budget: Budget) -> BudgetAccount:
        known = self._opened.get(budget.name)
        if known is not None:
            try:
                known.adopt(budget)
            except InvalidInput:  # another scope, period or quantity: another file
                self._opened.pop(budget.name).close()
            else:
                return known
        opened = self._opened[budget.name] = BudgetAccount.open(self._folder, budget, self._clock)
        return opened
