"""Boosted trees as LightGBM and XGBoost save them: checked, and a version with ONNX beside."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from lichen.core.tensors import Signature, with_columns
from lichen.frameworks.boosting import read_lightgbm
from lichen.frameworks.foreign_forest import ForeignForest, verified_model
from lichen.frameworks.onnx import MODEL_FILE, check_model
from lichen.frameworks.xgboost import read_xgboost
from lichen.registry.imports import ForeignModel

_ANSWERS = {
    "none": "as the booster predicts",
    "logistic": "probability",
    "softmax": "probability of each class",
    "exponential": "mean, through its logarithm",
}


@dataclass(frozen=True, slots=True)
class _Format:
    """A form in which a library saves its boosters, and the file in which a version keeps it."""

    algorithm: str
    file: str
    is_it: Callable[[bytes], bool]
    read: Callable[[bytes], ForeignForest]


_FORMATS = (
    _Format("lightgbm", "model.txt", lambda head: head.startswith(b"tree\n"), read_lightgbm),
    _Format("xgboost", "model.ubj", lambda head: head.startswith(b"{L"), read_xgboost),
    _Format("xgboost", "model.json", lambda head: head.lstrip().startswith(b"{"), read_xgboost),
)


def booster_model(name: str, filename: str, content: bytes) -> ForeignModel | None:
    """The booster in a file, with its ONNX beside it; None when the file is something else.

    Raises:
        InvalidInput: it cannot be read or served; the message says what to do instead.
    """
    head = content[:64].replace(b"\r\n", b"\n")
    found = next((one for one in _FORMATS if one.is_it(head)), None)
    if found is None:
        return None
    forest = found.read(content)
    verified = verified_model(forest)
    link = forest.tables.link
    return ForeignModel(
        name=name,
        signature=_described(check_model(verified.content), forest.features, _ANSWERS[link]),
        files={MODEL_FILE: verified.content, found.file: content},
        origin=filename,
        algorithm=found.algorithm,
        task="classification" if link in ("logistic", "softmax") else "regression",
        parameters={
            "objective": forest.objective,
            "library": forest.library,
            "onnx_largest_difference": verified.largest_difference,
            "onnx_checked_rows": verified.rows,
        },
    )


def _described(signature: Signature, features: tuple[str, ...], answer: str) -> Signature:
    """The columns by name, what comes out of them, and that NaN goes where it went in training."""
    taken = replace(with_columns(signature.inputs[0], features), missing=True)
    return Signature((taken,), (replace(signature.outputs[0], description=answer),))
