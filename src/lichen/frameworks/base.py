"""What a loaded model is to the rest of the platform."""

from collections.abc import Mapping
from typing import Protocol

from lichen.core.batch import Batch
from lichen.core.tensors import Signature


class Predictor(Protocol):
    """A model in memory. Single-threaded, and used by one thread at a time.

    Rows are independent: a batch gives each row what it would get alone, unless `joins_rows`
    says that its rows must not be joined with those of others.
    """

    @property
    def signature(self) -> Signature:
        """What it takes and gives."""
        ...

    @property
    def joins_rows(self) -> bool:
        """May rows of different requests run as one batch?"""
        ...

    def predict(self, batch: Batch) -> Batch:
        """Outputs by name, their first dimension the rows of the batch.

        Raises:
            WorkFailed: the model could not compute them.
            InvalidInput: the values cannot be what the model was made for.
        """
        ...

    def example(self, rows: int) -> Batch:
        """Inputs of the right form, to warm up and to measure with."""
        ...

    def close(self) -> None:
        """Let go of the model's memory."""
        ...


class Adapter(Protocol):
    """One framework: makes predictors from the files of a version."""

    def load(self, files: Mapping[str, bytes], signature: Signature | None) -> Predictor:
        """A predictor; without a signature it is read from the files.

        Raises:
            InvalidInput: the files are no model of this framework, or one that is not taken.
        """
        ...
