"""Explanations in the data plane: the files of what is served, read when it is first explained."""

from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Protocol

from lichen.core.batch import Batch
from lichen.core.clock import Clock
from lichen.core.deadline import deadline_in
from lichen.core.errors import InvalidInput
from lichen.core.ids import ModelReference
from lichen.core.plugins import load_object
from lichen.explain.explainer import Explainer, LoadedVersion, Wishes
from lichen.frameworks.base import Predictor
from lichen.pipeline.background import BACKGROUND_FILE
from lichen.pipeline.history import HISTORY_FILE
from lichen.protocol.explaining import MOST_SAMPLES, Explanation
from lichen.registry.catalog import Catalog
from lichen.serving.deployment import Deployment
from lichen.serving.loader import needed_files

_MOST_KNOWN, _MOST_OF_ONE = 8, 2
"""Models whose explainers are kept, and those of one deployment."""
_METHODS = "lichen.explain.methods:Explainers"
_PICTURES = "lichen.explain.pictures.illustrating"
"""Loaded when something is first explained: a sixth of what starting the data plane would cost."""


class Explainers(Protocol):
    """The explainers of one version."""

    def find(self, method: str, *, has_background: bool) -> Explainer:
        """That of a method, or of `auto`; InvalidInput where none fits."""
        ...


@dataclass(frozen=True, slots=True)
class Explained:
    """One request to explain, as an `Inquiry`."""

    explanations: "Explanations"
    deployment: Deployment
    method: str
    wishes: Wishes

    def prepare(self, predictor: Predictor) -> None:
        """Read the version's files, once as long as its model is loaded.

        Raises:
            InvalidInput: the method does not fit the model.
            Corrupt: a file is damaged.
        """
        load_object(f"{_PICTURES}:check_form")(self.wishes.picture)
        self._explainer(predictor)

    def run(self, predictor: Predictor, inputs: Batch) -> Explanation:
        """Explain its rows.

        Raises:
            InvalidInput: too many rows, or a wish does not fit the model.
            DeadlinePassed: it was not done in the time that an explanation may take.
            WorkFailed: the model failed on them.
        """
        explainer = self._explainer(predictor)
        rows = inputs.rows if predictor.signature.takes_rows else 1
        samples = self.wishes.samples or 0
        if rows > 1 and rows * samples > MOST_SAMPLES:
            raise InvalidInput(
                f"{rows} rows of {samples} samples are too many to explain at once, while "
                f"others wait for the model: send fewer rows, or at most {MOST_SAMPLES} in all"
            )
        if rows > explainer.most_rows:
            raise InvalidInput(
                f"{rows} rows are too many to explain at once by this method: send at most "
                f"{explainer.most_rows} a request"
            )
        told = explainer.explain(inputs, self.explanations.timed(self.wishes))
        signature, form = predictor.signature, self.wishes.picture
        shown: Explanation = load_object(f"{_PICTURES}:illustrated")(
            told, form, signature.inputs, inputs
        )
        return shown

    def _explainer(self, predictor: Predictor) -> Explainer:
        explainers = self.explanations.of(predictor, self.deployment)
        return explainers.find(self.method, has_background=self.wishes.background is not None)


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What explains one loaded model, which it holds."""

    name: str
    predictor: Predictor
    explainers: Explainers


class Explanations:
    """What is known to explain a few loaded models, those that were explained last.

    An explainer holds its model and its files: of each deployment as many are kept as a change of
    its version needs, so that what was unloaded does not stay in memory.
    """

    def __init__(
        self, catalog: Catalog, clock: Clock, limit_s: float, compiled: Path | None
    ) -> None:
        """Explain what is in the catalogue.

        Args:
            catalog: where the files of versions are read.
            clock: that `limit_s`, the longest that one explanation may take, is told by.
            limit_s: seconds.
            compiled: folder of code that this machine compiled; None: nothing is compiled.
        """
        self._catalog = catalog
        self._clock, self._limit_s = clock, limit_s
        self._compiled = compiled
        self._known: list[_Known] = []
        self._lock = Lock()

    def inquiry(self, deployment: Deployment, method: str, wishes: Wishes) -> Explained:
        """The inquiry of one request."""
        return Explained(self, deployment, method, wishes)

    def timed(self, wishes: Wishes) -> Wishes:
        """The wishes of an explanation that begins now."""
        says = (
            f"it was not explained in the {self._limit_s:g} s that an explanation may take "
            "(explanation_seconds), and what it used is charged: send fewer rows, or ask for fewer "
            "samples"
        )
        return replace(wishes, deadline=deadline_in(self._clock, self._limit_s, says))

    def of(self, predictor: Predictor, deployment: Deployment) -> Explainers:
        """The explainers of a loaded model; for any thread.

        Raises:
            NotFound, Corrupt: its files cannot be read.
        """
        with self._lock:
            known = next((one for one in self._known if one.predictor is predictor), None)
        if known is None:
            made: Explainers = load_object(_METHODS)(self._read(predictor, deployment))
            known = _Known(deployment.name, predictor, made)
        with self._lock:
            others = [one for one in self._known if one.predictor is not predictor]
            own = [one for one in others if one.name == deployment.name]
            stale = own[: max(0, len(own) - _MOST_OF_ONE + 1)]
            kept = [one for one in others if one not in stale]
            self._known = [*kept[1 - _MOST_KNOWN :], known]
        return known.explainers

    def _read(self, predictor: Predictor, deployment: Deployment) -> LoadedVersion:
        reference = ModelReference(deployment.model, str(deployment.version))
        manifest = self._catalog.resolve(reference)
        beside = (BACKGROUND_FILE, HISTORY_FILE)
        kept = tuple(name for name in beside if manifest.file(name) is not None)
        names = (*needed_files(manifest), *kept)
        files = {name: self._catalog.read(manifest, name) for name in names}
        return LoadedVersion(predictor, files, self._compiled)
