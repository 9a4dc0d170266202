"""Write a recommender as ONNX: the numbers of a user times those of every item.

What a user took already is masked in the core, from a list for each user that stands in it, so no
answer offers it again and no client has to say what was taken. The last user stands for all that
are not known: it took nothing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.onnx_writer import INPUT, IR_VERSION, OPSET, OUTPUT

NOT_OFFERED = float(np.finfo(np.float32).min)
"""The score of what is not to be offered."""


@dataclass(frozen=True, slots=True)
class Recommender:
    """Users and items as numbers.

    Attributes:
        users: `(users + 1, factors)`, the last of users that are not known.
        items: `(items, factors)`.
        starts: `(users + 2,)`: where in `taken` the items of each user begin.
        taken: numbers of items, one user after the other.
        places: of users named by whole numbers: which user each number is; None: a feature is the
            place of its user.
    """

    users: NDArray[np.float32]
    items: NDArray[np.float32]
    starts: NDArray[np.int64]
    taken: NDArray[np.int64]
    places: NDArray[np.int64] | None = None


def recommender_model(recommender: Recommender) -> bytes:
    """An ONNX model: `features` float32 `(rows, 1)` to `raw` `(rows, items)`.

    Equal recommenders give equal bytes.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    wires, constants = _user(recommender)
    constants |= _constants(recommender)
    wires += _SCORES
    graph = helper.make_graph(
        [helper.make_node(kind, takes, [gives], **how) for kind, takes, gives, how in wires],
        "recommender",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", 1])],
        [
            helper.make_tensor_value_info(
                OUTPUT, TensorProto.FLOAT, ["rows", len(recommender.items)]
            )
        ],
        initializer=[
            numpy_helper.from_array(np.ascontiguousarray(value), name)
            for name, value in constants.items()
        ],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="lichen",
        ir_version=IR_VERSION,
    )
    checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


_Wire = tuple[str, list[str], str, dict[str, Any]]
_INT64 = 7


def _user(recommender: Recommender) -> tuple[list[_Wire], dict[str, NDArray[np.generic]]]:
    """The wires from `features` to `user`, the place of each row's user."""
    if recommender.places is None:
        wires: list[_Wire] = [
            ("Cast", [INPUT], "places", {"to": _INT64}),
            ("Squeeze", ["places", "last"], "user", {}),
        ]
        return wires, {}
    unknown = len(recommender.users) - 1
    constants: dict[str, NDArray[np.generic]] = {
        "known_places": recommender.places,
        "unknown": np.array([unknown], dtype=np.int64),
    }
    wires = [
        ("Floor", [INPUT], "whole", {}),
        ("Equal", [INPUT, "whole"], "is_whole", {}),
        ("Cast", ["whole"], "numbers", {"to": _INT64}),
        ("Gather", ["known_places", "numbers"], "found", {"axis": 0}),
        ("Where", ["is_whole", "found", "unknown"], "places", {}),
        ("Squeeze", ["places", "last"], "user", {}),
    ]
    return wires, constants


def _constants(recommender: Recommender) -> dict[str, NDArray[np.generic]]:
    items = len(recommender.items)
    return {
        "last": np.array([1], dtype=np.int64),
        "users": recommender.users.astype(np.float32),
        # one column more takes what pads the lists of items, and is cut off
        "items": np.pad(recommender.items.astype(np.float32), ((0, 1), (0, 0))).T,
        "starts": recommender.starts[:-1],
        "ends": recommender.starts[1:],
        "taken": np.append(recommender.taken, items),
        "nothing": np.array(len(recommender.taken), dtype=np.int64),
        "zero": np.array(0, dtype=np.int64),
        "one": np.array(1, dtype=np.int64),
        "not_offered": np.array(NOT_OFFERED, dtype=np.float32),
        "first_item": np.array([0], dtype=np.int64),
        "all_items": np.array([items], dtype=np.int64),
    }


_SCORES: list[_Wire] = [
    ("Gather", ["users", "user"], "numbers_of_user", {"axis": 0}),
    ("MatMul", ["numbers_of_user", "items"], "scores", {}),
    ("Gather", ["starts", "user"], "from", {"axis": 0}),
    ("Gather", ["ends", "user"], "until", {"axis": 0}),
    ("Sub", ["until", "from"], "counts", {}),
    ("ReduceMax", ["counts"], "most", {"keepdims": 0}),
    ("Range", ["zero", "most", "one"], "steps", {}),
    ("Unsqueeze", ["from", "last"], "from_column", {}),
    ("Unsqueeze", ["until", "last"], "until_column", {}),
    ("Add", ["from_column", "steps"], "entries", {}),
    ("Less", ["entries", "until_column"], "is_own", {}),
    ("Where", ["is_own", "entries", "nothing"], "own_entries", {}),
    ("Gather", ["taken", "own_entries"], "masked", {"axis": 0}),
    ("Shape", ["masked"], "shape", {}),
    ("Expand", ["not_offered", "shape"], "refusals", {}),
    ("ScatterElements", ["scores", "masked", "refusals"], "left", {"axis": 1}),
    ("Slice", ["left", "first_item", "all_items", "last"], OUTPUT, {}),
]
