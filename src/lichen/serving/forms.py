"""The forms in which a version keeps a model that this process itself can run."""

from collections.abc import Mapping

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Signature
from lichen.frameworks.base import Adapter, Predictor
from lichen.frameworks.language.residents import RUNTIME_FILE
from lichen.frameworks.onnx import MODEL_FILE, OnnxAdapter
from lichen.frameworks.openvino_ir import IR_FILE, IrAdapter
from lichen.pipeline.files import PIPELINE_FILE
from lichen.serving.forecaster import FORECAST_FILE
from lichen.serving.guests.main import PREDICTOR_FILE
from lichen.serving.pipelines import PipelineAdapter

_ADAPTERS: tuple[tuple[str, Adapter], ...] = (
    (PIPELINE_FILE, PipelineAdapter()),
    (MODEL_FILE, OnnxAdapter()),
    (IR_FILE, IrAdapter()),
)
"""By the file that tells the form, the first that is there."""
TELLING_FILES = (PREDICTOR_FILE, RUNTIME_FILE, FORECAST_FILE, PIPELINE_FILE, IR_FILE)
"""Any of them decides how the data plane loads a version, the first one that it has."""


def predictor_of(files: Mapping[str, bytes], signature: Signature | None) -> Predictor:
    """The predictor of a version's files, on this thread.

    Raises:
        InvalidInput: the files are no model that can be served.
    """
    for name, adapter in _ADAPTERS:
        if name in files:
            return adapter.load(files, signature)
    raise InvalidInput(f"the files are no model that can be served: {', '.join(sorted(files))}")
