"""Pretrained models of time series by name: of a registered version, never of a file elsewhere."""

from lichen.core.errors import InvalidInput, NotFound
from lichen.forecasting.files import FORECAST_FILE
from lichen.frameworks.onnx import MODEL_FILE
from lichen.frameworks.pretrained import PretrainedModel, read_pretrained
from lichen.pipeline.files import PIPELINE_FILE
from lichen.training.materials import Materials

_OURS = (FORECAST_FILE, PIPELINE_FILE)
"""Beside these `model.onnx` is but a part of what the version answers."""


def named_pretrained(reference: str | None, materials: Materials) -> PretrainedModel | None:
    """The model of that name, looked through; None: none was asked for.

    Raises:
        InvalidInput: there is no such version, or it is no such model; one sentence says why.
        Unavailable: onnx or ONNX Runtime is not installed.
    """
    if reference is None:
        return None
    try:
        materials.model_files(reference, ())
    except NotFound as unknown:
        raise InvalidInput(f"pretrained {reference!r} is not registered: {unknown}") from unknown
    if any(_has(reference, name, materials) for name in _OURS):
        raise InvalidInput(
            f"pretrained {reference!r} was trained here, on series of its own: name a model that "
            "was imported as ONNX, or deploy this one as it is"
        )
    try:
        content = materials.model_files(reference, (MODEL_FILE,))[MODEL_FILE]
    except NotFound as other:
        raise InvalidInput(
            f"pretrained {reference!r} is no ONNX model: its version has no {MODEL_FILE}; import "
            "it as ONNX"
        ) from other
    try:
        return read_pretrained(content)
    except InvalidInput as refused:
        raise InvalidInput(f"pretrained {reference!r} cannot be taken: {refused}") from refused


def _has(reference: str, name: str, materials: Materials) -> bool:
    try:
        materials.model_files(reference, (name,))
    except NotFound:
        return False
    return True
