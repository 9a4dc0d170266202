"""How much each user took of what, which a recommender keeps for explanations: `history.npz`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.pipeline.files import packed, unpacked

HISTORY_FILE = "history.npz"


@dataclass(frozen=True, slots=True)
class History:
    """What users' numbers were solved from, beside the items' (Hu, Koren and Volinsky, 2008).

    Attributes:
        confidence: of each item that was taken, one user after the other, as the core lists them.
        l2: weight of the squares of users' numbers.
    """

    confidence: NDArray[np.float64]
    l2: float


def history_files(history: History) -> dict[str, bytes]:
    """Its file; equal histories give equal bytes."""
    arrays = {"confidence": history.confidence, "l2": np.array([history.l2])}
    return {HISTORY_FILE: packed(arrays)}


def read_history(files: Mapping[str, bytes]) -> History | None:
    """The history that a version keeps; None where it keeps none.

    Raises:
        InvalidInput: the file cannot be read.
    """
    if HISTORY_FILE not in files:
        return None
    arrays = unpacked(files[HISTORY_FILE], HISTORY_FILE)
    try:
        confidence = arrays["confidence"].astype(np.float64)
        return History(confidence, float(arrays["l2"].reshape(-1)[0]))
    except (LookupError, ValueError, TypeError) as error:
        raise InvalidInput(f"{HISTORY_FILE} is no history: train it again") from error
