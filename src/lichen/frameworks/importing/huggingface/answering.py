"""What a classifier's scores are as answers, and what its classes are called."""

from collections.abc import Sequence

import numpy as np

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.conversion import Wishes
from lichen.frameworks.importing.huggingface.folder import Folder
from lichen.frameworks.importing.huggingface.tried_texts import as_bytes


def labels_of(folder: Folder, wishes: Wishes, count: int) -> list[str]:
    """The names of so many classes: those that were given, else those of the folder.

    Raises:
        InvalidInput: they are others than so many, or one stands twice.
    """
    labels = list(wishes.labels) or folder.labels or [f"LABEL_{number}" for number in range(count)]
    if len(labels) != count or len(set(labels)) < count:
        raise InvalidInput(
            f"the model tells {count} classes apart and {len(labels)} are named: give --labels "
            "with one name each"
        )
    return labels


def answered_classes(scores: Array, labels: Sequence[str]) -> dict[str, Array]:
    """`prediction` and `probability` of scores `(rows, classes)`."""
    best = scores.argmax(axis=1).tolist()
    return {
        "prediction": as_bytes([labels[one].encode() for one in best]),
        "probability": _shares(scores.astype(np.float64)),
    }


def _shares(scores: Array) -> Array:
    """Softmax."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Array = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares
