"""What goes to a side and what comes back, in files: each side runs in a process of its own."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

JOULES_A_CPU_SECOND = 3.8
"""The median of what servers take for a busy hardware thread (rule M2), the same for every side."""


def read_task(folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What is to be done, and its arrays."""
    with np.load(folder / "task.npz", allow_pickle=False) as packed:
        arrays = {name: packed[name] for name in packed.files}
    return json.loads((folder / "task.json").read_text()), arrays


def columns_of(arrays: dict[str, NDArray[Any]], part: str) -> dict[str, NDArray[Any]]:
    """The columns of the rows to `fit` on or to `score`, by name."""
    head = f"{part} column "
    return {name[len(head) :]: one for name, one in arrays.items() if name.startswith(head)}


def write_answer(folder: Path, said: dict[str, Any], answers: NDArray[np.float64]) -> None:
    """What was spent and chosen, and the answers: a number, or a probability a class, each row."""
    np.save(folder / "answers.npy", answers)
    (folder / "said.json").write_text(json.dumps(said))
