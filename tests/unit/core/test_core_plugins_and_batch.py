"""Objects load by name; batches know their rows; public names load lazily."""

import subprocess
import sys
from typing import get_args

import numpy as np
import pytest

import lichen
from lichen.core.batch import DATATYPE_OF_NUMPY, NUMPY_OF_DATATYPE, Batch
from lichen.core.errors import LichenError
from lichen.core.plugins import load_object
from lichen.core.tensors import Datatype
from lichen.protocol.training import TrainSpec


def test_a_dotted_name_loads_the_object() -> None:
    assert load_object("lichen.core.errors:LichenError") is LichenError


def test_a_batch_counts_rows_by_its_first_array() -> None:
    batch = Batch({"x": np.zeros((3, 2)), "y": np.zeros(3)})
    assert (batch.rows, len(batch), list(batch)) == (3, 2, ["x", "y"])
    assert batch["x"].shape == (3, 2)
    assert Batch({}).rows == 0


def test_every_datatype_but_bf16_has_a_numpy_form() -> None:
    assert set(Datatype) - set(NUMPY_OF_DATATYPE) == {Datatype.BF16}
    assert all(DATATYPE_OF_NUMPY[dtype] == name for name, dtype in NUMPY_OF_DATATYPE.items())


def test_public_names_are_listed_and_others_refused() -> None:
    trainings = {one.__name__ for one in get_args(TrainSpec)}
    options = {"ExplainOptions", "ExplainSpec", "NetworkOptions", "Wish"}
    others = {"__version__", "compare", "connect", "metered", "run"}
    assert dir(lichen) == sorted(trainings | options | others)
    assert all(getattr(lichen, name).__name__ == name for name in trainings)
    assert lichen.__version__.count(".") == 2
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        lichen.nope  # noqa: B018


def test_importing_lichen_loads_nothing_else() -> None:
    script = (
        "import sys, lichen; "
        "print([m for m in sys.modules if m.startswith('lichen.') or m == 'numpy'])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"
