"""The compiled form of Shapley values of trees: the structures of `shap_kernel.c`, and the call."""

import ctypes
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from lichen.core.errors import Unavailable
from lichen.frameworks.kernel import Pointer, built

SOURCE = "shap_kernel.c"
TEST = np.dtype(
    [("threshold", "f4"), ("feature", "u2"), ("mode", "u1"), ("missing_left", "u1")], align=True
)
SHARE = np.dtype([("share", "f8"), ("edge", "i4"), ("above", "i4")], align=True)
SUM = np.dtype([("child", "i4", (2,)), ("value", "i4", (2,)), ("feature", "i4")], align=True)
TREE = np.dtype(
    [
        ("split", "i8"),
        ("splits", "i4"),
        ("value", "i4"),
        ("target", "i4"),
        ("targets", "i4"),
        ("points", "i4"),
        ("table", "i4"),
    ],
    align=True,
)


class Ensemble(ctypes.Structure):
    """`Ensemble` of the C source: pointers into arrays that must outlive it."""

    _fields_ = (
        ("trees", Pointer),
        ("tests", Pointer),
        ("shares", Pointer),
        ("sums", Pointer),
        ("values", Pointer),
        ("points", Pointer),
        ("weights", Pointer),
        ("count", ctypes.c_int64),
        ("width", ctypes.c_int32),
        ("targets", ctypes.c_int32),
        ("most_splits", ctypes.c_int32),
        ("most_points", ctypes.c_int32),
        ("mode", ctypes.c_int32),
    )


class ShapKernel:
    """`lichen_shap` of the C source, loaded."""

    def __init__(self, library: Path) -> None:
        loaded = ctypes.CDLL(str(library))
        room = loaded.lichen_shap_room
        room.restype, room.argtypes = ctypes.c_int64, [ctypes.POINTER(Ensemble)]
        explain = loaded.lichen_shap
        explain.restype = None
        explain.argtypes = [
            ctypes.POINTER(Ensemble),
            Pointer,
            ctypes.c_int64,
            Pointer,
            Pointer,
            Pointer,
        ]
        self.room: Callable[..., int] = room
        self.explain: Callable[..., None] = explain


@lru_cache
def shap_kernel(folder: Path) -> ShapKernel:
    """The kernel for this processor, built into `folder` when it is not there yet (0.5 s).

    Raises:
        Unavailable: there is no C compiler, or it does not build it.
    """
    try:
        return ShapKernel(built(folder, SOURCE))
    except OSError as error:
        raise Unavailable(f"the compiled form cannot be kept in {folder.name}: {error}") from error
