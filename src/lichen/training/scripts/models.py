"""What `run.register` takes, as the conversion that an import of it would be."""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lichen.core.errors import InvalidInput, Unavailable
from lichen.core.plugins import load_object
from lichen.core.tensors import Datatype
from lichen.frameworks.importing.conversion import NO_TRIAL, Conversion, Wishes
from lichen.frameworks.onnx import MODEL_FILE

TAKEN = (
    "ONNX bytes, the path of an .onnx file, an onnx ModelProto, a scikit-learn estimator, a "
    "LightGBM or XGBoost booster, a PyTorch module, a pair (weights, bias), or a list of layers "
    "(weights, bias, activation)"
)
"""For messages and documents."""

_IMPORTING = "lichen.frameworks.importing."
_PAIR, _LAYER = 2, 3


def converted(
    model: object,
    example: object = None,
    columns: Sequence[str] = (),
    classes: Sequence[str] = (),
) -> Conversion:
    """The model as a version's files; nothing is pickled, on the way or later.

    Args:
        model: one of `TAKEN`.
        example: a batch of its input, for PyTorch modules that are no plain chain of layers.
        columns: names of the values of a row, for estimators of scikit-learn.
        classes: names of the classes of such an estimator.

    Raises:
        InvalidInput: it is none of those, or cannot be converted; the message says what to do.
        Unavailable: a package is missing.
    """
    if isinstance(model, str | Path):
        return _file(Path(model))
    if isinstance(model, bytes | bytearray | memoryview):
        return _onnx(bytes(model))
    if isinstance(model, tuple | list):
        return _layers(model)
    return _of_library(model, example, Wishes(columns=tuple(columns), labels=tuple(classes)))


def _of_library(model: Any, example: object, wishes: Wishes) -> Conversion:  # noqa: ANN401 - of any class
    match _library_of(model):
        case "sklearn":
            return _estimator(model, wishes)
        case "torch":
            return _loaded("pytorch.modules:convert_module")(model, example)
        case "lightgbm":
            return _loaded("boosted.fitted:fitted_lightgbm")(model)
        case "xgboost":
            return _loaded("boosted.fitted:fitted_xgboost")(model)
        case "onnx":
            return _onnx(bytes(model.SerializeToString()))
        case _:
            raise InvalidInput(
                f"a {type(model).__module__}.{type(model).__qualname__} cannot be registered: give "
                f"run.register {TAKEN}"
            )


def _onnx(content: bytes) -> Conversion:
    return Conversion(files={MODEL_FILE: content}, trial=NO_TRIAL, algorithm="onnx", library="ONNX")


def _file(path: Path) -> Conversion:
    if path.suffix != ".onnx":
        raise InvalidInput(
            f"{path.name} cannot be registered: a file must be ONNX and end in .onnx; a pickle is "
            "never loaded"
        )
    try:
        return _onnx(path.read_bytes())
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read ({error.strerror}): export the model there first"
        ) from error


def _library_of(model: object) -> str | None:
    """Whose class it is, or stands on."""
    homes = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    known = ("lightgbm", "xgboost", "torch", "onnx", "sklearn")  # wrappers stand on sklearn too
    return next((name for name in known if name in homes), None)


def _estimator(model: object, wishes: Wishes) -> Conversion:
    library = f"scikit-learn {version('scikit-learn')}"
    made = _loaded("scikit.estimator:conversion_of")(model, wishes, library)
    first = made.signature.outputs[0] if made.signature else None
    if wishes.labels and (first is None or first.datatype is not Datatype.BYTES or first.shape[1:]):
        raise InvalidInput(
            f"the {made.algorithm} is no classifier of one target: register it without classes"
        )
    return made


def _loaded(name: str) -> Callable[..., Conversion]:
    try:
        found: Callable[..., Conversion] = load_object(_IMPORTING + name)
    except ImportError as missing:
        raise Unavailable(f"registering this model needs a package: {missing}") from missing
    return found


def _layers(given: tuple[Any, ...] | list[Any]) -> Conversion:
    """A pair (weights, bias), or layers of (weights, bias, activation)."""
    dense = load_object("lichen.frameworks.dense_writer:dense_layer")
    convert = _loaded("dense:conversion_of")
    if isinstance(given, tuple) and len(given) == _PAIR and np.ndim(given[0]) >= 1:
        return convert([dense(*given)], "linear", "regression")
    if not all(isinstance(one, tuple | list) and len(one) in (_PAIR, _LAYER) for one in given):
        raise InvalidInput(
            "a list to register has a layer (weights, bias, activation) at each place, such as "
            '[(w1, b1, "relu"), (w2, b2, "sigmoid")]'
        )
    return convert([dense(*one) for one in given], "dense network", "inference")
