"""A guest: a predictor whose work is done by a child process, charged by that process's clock."""

from time import monotonic

from lichen.core.batch import Array, Batch
from lichen.core.errors import WorkFailed
from lichen.core.tensors import Signature
from lichen.energy.attribution import Stopwatch
from lichen.frameworks.trial import is_row_by_row, made_up
from lichen.serving.guests.keeper import Keeper
from lichen.serving.guests.words import check_output, packed, signature_of, unpacked

ALONE_SECONDS = 60.0
"""How long after a death each request runs alone: one that kills must not take others with it."""


class Guest:
    """A predictor in a process of its own. `close` ends it."""

    def __init__(
        self, keeper: Keeper, expected: Signature | None = None, *, is_trusted: bool = False
    ) -> None:
        """Start it, and wait until it is loaded.

        Args:
            keeper: knows how, and has not begun.
            expected: the signature that was registered, with units and descriptions.
            is_trusted: its answers are taken as they are: our own code runs in it.

        Raises:
            InvalidInput: it does not load; the message says why.
        """
        self.keeper = keeper
        self._is_trusted = is_trusted
        try:
            told = keeper.begin()
            self._signature = signature_of(told, expected)
            stated = bool(told.get("joins_rows"))
            self._joins_rows = stated and (is_trusted or is_row_by_row(self))
        except BaseException:
            keeper.close()
            raise

    @property
    def signature(self) -> Signature:
        """What it takes and gives."""
        return self._signature

    @property
    def joins_rows(self) -> bool:
        """Whether rows that run together get what they get alone; none are joined after a death."""
        died_at = self.keeper.died_at
        return self._joins_rows and (died_at is None or monotonic() > died_at + ALONE_SECONDS)

    @property
    def stopwatch(self) -> Stopwatch:
        """By the CPU clock of its process, while it answers (A1)."""
        return Stopwatch(lambda: self.keeper.worked_ns, 0)

    def predict(self, batch: Batch) -> Batch:
        """The outputs for a batch.

        Raises:
            WorkFailed: its code raised, or answered what its signature does not state.
            InvalidInput: its code says that the caller is wrong, by an `InvalidInput` of its own.
            DeadlinePassed: it did not answer in time, and was stopped.
            Unavailable: it died over this, or is being started again.
        """
        head, parts = packed(self._signature.inputs, batch)
        outputs = self._tensors({"ask": "predict", **head}, parts)
        if not self._is_trusted:
            for spec in self._signature.outputs:
                check_output(spec, outputs, batch.rows)
        return Batch(outputs)

    def example(self, rows: int) -> Batch:
        """What its own method `example` gives, or random numbers, zeros and empty texts."""
        own = self._tensors({"ask": "example", "rows": rows}, [])
        required = [spec for spec in self._signature.inputs if not spec.optional]
        return Batch(own) if own else made_up(required, rows)

    def close(self) -> None:
        """End its process; what it works on is answered with an error."""
        self.keeper.close()

    def _tensors(self, head: dict[str, object], parts: list[bytes]) -> dict[str, Array]:
        said, raw = self.keeper.ask(head, parts)
        try:
            return unpacked(said, raw)
        except WorkFailed:
            self.keeper.stop()
            raise
