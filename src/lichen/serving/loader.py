"""From a deployment to a predictor: read the version's files and make what they are."""

import ctypes
import gc
from pathlib import Path

from lichen.core.ids import ModelReference
from lichen.frameworks.alternatives import cheapest_form
from lichen.frameworks.base import Predictor
from lichen.frameworks.onnx import MODEL_FILE, OnnxAdapter
from lichen.registry.catalog import Catalog
from lichen.serving.deployment import Deployment
from lichen.serving.forecaster import FORECAST_FILE, FORECASTER_FILES, ForecastAdapter


class Loader:
    """Loads versions from the registry."""

    def __init__(self, catalog: Catalog, compiled: Path | None = None) -> None:
        """Take the registry, and the folder of code that this machine compiled, if any."""
        self._catalog = catalog
        self._compiled = compiled

    def load(self, deployment: Deployment) -> Predictor:
        """The predictor of a deployment's version.

        Raises:
            NotFound: there is no such version.
            Corrupt: a file is damaged.
            InvalidInput: the files are no model that can be served.
        """
        manifest = self._catalog.resolve(ModelReference(deployment.model, str(deployment.version)))
        is_forecaster = manifest.file(FORECAST_FILE) is not None
        wanted = FORECASTER_FILES if is_forecaster else (MODEL_FILE,)
        files = {name: self._catalog.read(manifest, name) for name in wanted}
        if is_forecaster:
            return ForecastAdapter().load(files, manifest.signature)
        first = OnnxAdapter().load(files, manifest.signature)
        return cheapest_form(files[MODEL_FILE], first, self._compiled)


def give_memory_back() -> None:
    """Return freed memory to the system: the allocator keeps it otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def settle_memory() -> None:
    """Take what was loaded at start out of the garbage collector's sight: it stays."""
    gc.collect()
    gc.freeze()
