"""How wide deployed forecasters' intervals are by now: kept in the store, put on predictors."""

import logging
from dataclasses import dataclass
from datetime import datetime

import msgspec

from lichen.core.errors import InvalidInput
from lichen.forecasting.quantiles import Width
from lichen.frameworks.base import Predictor
from lichen.serving.deployment import Deployment
from lichen.serving.forecaster import ForecastPredictor
from lichen.store.documents import DocumentStore, scan_all

WIDTHS = "widths"
"""Document collection of `Adapted`, by deployment name: written as truth arrives, read to serve."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Adapted:
    """How much wider than its version's own table a deployment's quantiles are.

    Attributes:
        model, version: what it was learnt with; another version starts at its own table.
        factors: per series; 1 is the table's own width.
        seen: forecasts whose truth was taken in.
        until: forecasts that start before this moment were judged, and never are again.
    """

    model: str
    version: int
    factors: tuple[float, ...]
    seen: int
    until: datetime

    @property
    def width(self) -> Width:
        """The same, as quantiles take it."""
        return Width(self.factors, self.seen)

    def is_of(self, deployment: Deployment) -> bool:
        """Whether it was learnt with the version that is deployed."""
        return (self.model, self.version) == (deployment.model, deployment.version)


class Widths:
    """What was learnt, as it stood when last read; for one thread."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._adapted: dict[str, Adapted] = {}

    def read(self) -> None:
        """Look at the store; a record that cannot be read is passed over.

        Raises:
            StorageFailed: the store cannot be read.
        """
        adapted: dict[str, Adapted] = {}
        for document in scan_all(self._documents, WIDTHS):
            try:
                adapted[document.key] = msgspec.json.decode(document.body, type=Adapted)
            except msgspec.MsgspecError:
                _log.exception("the width of deployment %s cannot be read", document.key)
        self._adapted = adapted

    def put_on(self, predictor: Predictor, deployment: Deployment) -> None:
        """Let a forecaster answer with the width learnt for it, or with its table's own."""
        if not isinstance(predictor, ForecastPredictor):
            return
        adapted = self._adapted.get(deployment.name)
        learnt = adapted.width if adapted is not None and adapted.is_of(deployment) else None
        try:
            predictor.widen(learnt)
        except InvalidInput:
            _log.exception("deployment %s keeps its width", deployment.name)
