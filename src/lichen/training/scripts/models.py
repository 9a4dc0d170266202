"""What `run.register` takes, as ONNX."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lichen.core.errors import InvalidInput, Unavailable
from lichen.core.plugins import load_object
from lichen.frameworks.converting.converted import Converted

TAKEN = (
    "ONNX bytes, the path of an .onnx file, an onnx ModelProto, a scikit-learn estimator, a "
    "LightGBM or XGBoost booster, a PyTorch module, a pair (weights, bias), or a list of layers "
    "(weights, bias, activation)"
)
"""For messages and documents."""

_BY_LIBRARY: Mapping[str, str] = {
    "sklearn": "lichen.frameworks.converting.sklearn_estimators:convert_estimator",
    "lightgbm": "lichen.frameworks.converting.boosters:convert_lightgbm",
    "xgboost": "lichen.frameworks.converting.boosters:convert_xgboost",
}
_PAIR, _LAYER = 2, 3


def converted(model: object, example: object = None) -> Converted:
    """The model as ONNX; nothing is pickled, on the way or later.

    Args:
        model: one of `TAKEN`.
        example: a batch of its input, for PyTorch modules that are no plain chain of layers.

    Raises:
        InvalidInput: it is none of those, or cannot be ONNX; the message says what to do.
        Unavailable: a package is missing.
    """
    if isinstance(model, str | Path):
        return _file(Path(model))
    if isinstance(model, bytes | bytearray | memoryview):
        return Converted(content=bytes(model), algorithm="onnx")
    library = _library_of(model)
    if library is not None:
        return _of_library(library, model, example)
    if isinstance(model, tuple | list):
        return _layers(model)
    raise InvalidInput(
        f"a {type(model).__module__}.{type(model).__qualname__} cannot be registered: give "
        f"run.register {TAKEN}"
    )


def _file(path: Path) -> Converted:
    if path.suffix != ".onnx":
        raise InvalidInput(
            f"{path.name} cannot be registered: a file must be ONNX and end in .onnx; a pickle is "
            "never loaded"
        )
    try:
        return Converted(content=path.read_bytes(), algorithm="onnx")
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read ({error.strerror}): export the model there first"
        ) from error


def _library_of(model: object) -> str | None:
    """Whose class it is, or stands on."""
    homes = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    known = ("lightgbm", "xgboost", "torch", "onnx", "sklearn")  # wrappers stand on sklearn too
    return next((name for name in known if name in homes), None)


def _of_library(library: str, model: Any, example: object) -> Converted:  # noqa: ANN401 - of any class
    if library == "onnx":
        return Converted(content=bytes(model.SerializeToString()), algorithm="onnx")
    if library == "torch":
        convert = load_object("lichen.frameworks.converting.torch_modules:convert_module")
        found: Converted = convert(model, example)
        return found
    return _loaded(_BY_LIBRARY[library])(model)


def _loaded(dotted: str) -> Callable[[Any], Converted]:
    try:
        found: Callable[[Any], Converted] = load_object(dotted)
    except ImportError as missing:
        raise Unavailable(f"registering this model needs a package: {missing}") from missing
    return found


def _layers(given: tuple[Any, ...] | list[Any]) -> Converted:
    """A pair (weights, bias), or layers of (weights, bias, activation)."""
    dense = load_object("lichen.frameworks.converting.dense:dense_layer")
    model = load_object("lichen.frameworks.converting.dense:dense_model")
    if isinstance(given, tuple) and len(given) == _PAIR and np.ndim(given[0]) >= 1:
        content = model([dense(*given)])
        return Converted(content=content, algorithm="linear", task="regression")
    if not all(isinstance(one, tuple | list) and len(one) in (_PAIR, _LAYER) for one in given):
        raise InvalidInput(
            "a list to register has a layer (weights, bias, activation) at each place, such as "
            '[(w1, b1, "relu"), (w2, b2, "sigmoid")]'
        )
    return Converted(content=model([dense(*one) for one in given]), algorithm="dense network")
