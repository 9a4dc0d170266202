"""What a run has spent, what it may spend, and who is told."""

from dataclasses import dataclass

from lichen.core.errors import OverBudget
from lichen.training.watch import EnergyGauge, Progress, Watch, stop_if_cancelled

CHECKS_A_REPORT = 10
SHARE_A_REPORT = 0.1


@dataclass(slots=True)
class Spending:
    """Watches one run's energy and passes its progress on.

    Attributes:
        gauge: meters this process.
        watch: is told, and may cancel.
        limit_nj: what the search may spend; None: no limit.
        limit_ng: the same in nanograms of CO2e.
        earlier_nj: what earlier attempts of the same job spent before their last checkpoint.
        earlier_ng: the same in nanograms.
        fraction: how far the run was when it last said so.
        towards: how far it will be when this stage ends.
        stage: what is being done.
        checks: how often the work paused so far.
    """

    gauge: EnergyGauge
    watch: Watch
    limit_nj: int | None
    limit_ng: int | None = None
    earlier_nj: int = 0
    earlier_ng: int = 0
    fraction: float = 0.0
    towards: float = 0.0
    stage: str = ""
    checks: int = 0

    @property
    def spent_nj(self) -> int | None:
        """Energy so far, earlier attempts included; None where nothing meters the run (M5)."""
        figure = self.gauge.spent()
        return None if figure is None else figure.nj + self.earlier_nj

    @property
    def spent_ng(self) -> int | None:
        """Carbon so far, earlier attempts included; None where nothing meters the run (M5)."""
        charged = self.gauge.ng
        return None if charged is None else charged + self.earlier_ng

    @property
    def exhausted(self) -> str | None:
        """Which budget is spent, energy or carbon; None: none is."""
        if _is_over(self.spent_nj, self.limit_nj):
            return "energy"
        return "carbon" if _is_over(self.spent_ng, self.limit_ng) else None

    def begin(self, stage: str, towards: float) -> None:
        """A stage begins, after which the run will be so far."""
        self.stage, self.towards = stage, towards
        self.report()

    def end(self, note: str | None = None) -> None:
        """The stage ended."""
        self.fraction = max(self.fraction, self.towards)
        self.report(note)

    def report(self, note: str | None = None) -> None:
        """Tell how far the run is."""
        self.watch.report(Progress(self.fraction, self.stage, self.spent_nj, note))

    def check(self) -> None:
        """Go on, unless cancelled; tell now and then how far the run is.

        How many pauses a stage has is not known beforehand: each report moves on by a share of
        what is left of it.

        Raises:
            WorkFailed: the run was cancelled.
        """
        stop_if_cancelled(self.watch)
        self.checks += 1
        if self.checks % CHECKS_A_REPORT == 0:
            self.fraction += SHARE_A_REPORT * max(0.0, self.towards - self.fraction)
            self.report()

    def check_budget(self) -> None:
        """Go on, unless cancelled or out of budget.

        Raises:
            WorkFailed: the run was cancelled.
            OverBudget: the energy or carbon budget is spent.
        """
        self.check()
        spent = self.exhausted
        if spent is not None:
            raise OverBudget(f"the {spent} budget is spent: the search ends with what it has")


def _is_over(spent: int | None, limit: int | None) -> bool:
    return limit is not None and spent is not None and spent >= limit
