"""A loaded variant: warm it, run a batch, and know what that took of the CPU."""

from time import perf_counter_ns

from lichen.core.batch import Batch
from lichen.energy.attribution import Stopwatch
from lichen.frameworks.base import Predictor

_WARM_RUNS = 3
_SMOOTHING = 0.1


class Replica:
    """One predictor in this process.

    `row_ns` is the running mean of CPU nanoseconds a row: batches that would hold the event loop
    for long run in a thread.
    """

    def __init__(self, predictor: Predictor, stopwatch: Stopwatch) -> None:
        self.predictor = predictor
        self.row_ns = 0.0
        self._stopwatch = stopwatch

    def warm(self) -> None:
        """Run a few rows, so that the first caller does not pay for it, and see what a row takes.

        Raises:
            WorkFailed: the model cannot run.
        """
        example = self.predictor.example(1)
        took = []
        for _ in range(_WARM_RUNS):
            started = perf_counter_ns()
            self.predictor.predict(example)
            took.append(perf_counter_ns() - started)
        self.row_ns = float(min(took))

    def run(self, batch: Batch) -> tuple[Batch, int]:
        """The outputs of a batch, and the CPU nanoseconds of this thread that they took (A1).

        Raises:
            WorkFailed: the model could not compute them.
        """
        mark = self._stopwatch.start()
        outputs = self.predictor.predict(batch)
        cpu_ns = self._stopwatch.spent(mark)
        self.row_ns += _SMOOTHING * (cpu_ns / max(batch.rows, 1) - self.row_ns)
        return outputs, cpu_ns

    def close(self) -> None:
        """Unload the model."""
        self.predictor.close()
