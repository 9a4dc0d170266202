"""A loaded variant: warm it, run a batch, and know what that took of the CPU."""

import sys
from time import monotonic_ns

from lichen.core.batch import Batch
from lichen.core.errors import DeadlinePassed
from lichen.energy.attribution import Stopwatch
from lichen.frameworks.base import Predictor
from lichen.serving.sizing import best_rows, is_worth_another, trial_sizes
from lichen.serving.ticket import Inquiry

_WARM_RUNS = 3
_SMOOTHING = 0.1


class Replica:
    """One predictor, and what its batches have cost so far."""

    def __init__(
        self, predictor: Predictor, stopwatch: Stopwatch, *, is_apart: bool = False
    ) -> None:
        self.predictor = predictor
        self.is_apart = is_apart
        """Whether another process does the work: then it is never waited for on the event loop."""
        self._stopwatch = stopwatch
        self._spent: dict[int, float] = {}
        self.batch_rows = sys.maxsize
        """The rows that a batch should not exceed; known once `size_batches` has tried."""
        self.used_ns = monotonic_ns()
        """When its last batch began, by the monotonic clock; when it was made, before the first."""

    def warm(self) -> None:
        """Run a few rows, so that the first caller does not pay for it, and see what a row takes.

        Raises:
            WorkFailed: the model cannot run.
        """
        self.learn(1, self._trial_ns(1))

    def size_batches(self, most_rows: int) -> None:
        """Try batches of growing size, and aim at the best from now on: sets `batch_rows`.

        Raises:
            WorkFailed: the model cannot run.
        """
        if not self.predictor.joins_rows:
            return
        took_ns: dict[int, int] = {}
        for rows in trial_sizes(most_rows):
            took_ns[rows] = self._trial_ns(rows)
            self.learn(rows, took_ns[rows])
            if not is_worth_another(took_ns[rows]):
                break
        self.batch_rows = best_rows(took_ns, most_rows)

    def _trial_ns(self, rows: int) -> int:
        """The CPU time of a batch; other rows each time, or branches are foretold as never again.

        A tree ensemble that sees 16 rows over and over takes a quarter of the time of 16 new ones.
        """
        took_ns = []
        for example in self._examples(rows):
            mark = self._stopwatch.start()
            self.predictor.predict(example)
            took_ns.append(self._stopwatch.spent(mark))
        return min(took_ns)

    def _examples(self, rows: int) -> list[Batch]:
        if not self.predictor.joins_rows:
            return [self.predictor.example(rows)] * _WARM_RUNS
        pool = self.predictor.example(rows * _WARM_RUNS)
        starts = range(0, rows * _WARM_RUNS, rows)
        return [
            Batch({name: values[start : start + rows] for name, values in pool.items()})
            for start in starts
        ]

    def run(self, batch: Batch, rows: int) -> tuple[Batch, int]:
        """The outputs of a batch, and the CPU nanoseconds that they took (A1).

        Raises:
            WorkFailed: the model could not compute them.
        """
        self.used_ns = monotonic_ns()
        mark = self._stopwatch.start()
        outputs = self.predictor.predict(batch)
        cpu_ns = self._stopwatch.spent(mark)
        self.learn(rows, cpu_ns)
        return outputs, cpu_ns

    def run_inquiry(self, inquiry: Inquiry, inputs: Batch) -> tuple[object, int]:
        """What an inquiry found, and the CPU nanoseconds that it took (A1); batches learn nothing.

        One that ran out of its time found that: a `DeadlinePassed`, and it took what it took.

        Raises:
            LichenError: it could not be done.
        """
        self.used_ns = monotonic_ns()
        mark = self._stopwatch.start()
        try:
            found = inquiry.run(self.predictor, inputs)
        except DeadlinePassed as late:
            return late, self._stopwatch.spent(mark)
        return found, self._stopwatch.spent(mark)

    def learn(self, rows: int, took_ns: float) -> None:
        """Remember what a batch took: a running mean for each power of two of rows."""
        size = rows.bit_length()
        known = self._spent.get(size, took_ns)
        self._spent[size] = known + _SMOOTHING * (took_ns - known)

    def expected_ns(self, rows: int) -> float:
        """What a batch should take; beyond the sizes seen, in proportion to the next smaller."""
        size = rows.bit_length()
        known = self._spent.get(size)
        if known is not None:
            return known
        smaller = max((seen for seen in self._spent if seen < size), default=None)
        if smaller is None:
            return min(self._spent.values(), default=0.0)
        return self._spent[smaller] * 2.0 ** (size - smaller)

    def close(self) -> None:
        """Unload the model."""
        self.predictor.close()
