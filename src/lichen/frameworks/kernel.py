"""The compiled runtime's code: built by this machine's C compiler, kept beside the home's files.

A shared library is code, so it is never part of a version and never travels: it is built here from
the source in this package, for this processor, once.
"""

import ctypes
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from lichen.core.errors import Unavailable
from lichen.core.ids import digest_of

SOURCE = "tree_kernel.c"
LANES = 8
FLAGS = ("-O3", "-march=native", "-fPIC", "-shared", "-w")
SEPARATE = "-ffp-contract=off"
"""Products and sums are rounded one by one: the same answers as of other forms."""
_BUILD_SECONDS = 60.0
_CPU = Path("/proc/cpuinfo")

Pointer = ctypes.c_void_p


class Forest(ctypes.Structure):
    """`Forest` of the C source: pointers into arrays that must outlive it."""

    _fields_ = (
        ("nodes", Pointer),
        ("missing_left", Pointer),
        ("roots", Pointer),
        ("depths", Pointer),
        ("first", Pointer),
        ("base", Pointer),
        ("targets", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("is_strict", ctypes.c_int32),
        ("link", ctypes.c_int32),
    )


NODE = np.dtype([("threshold", "f4"), ("feature", "i4"), ("left", "i4"), ("value", "f4")])
"""`Node` of the C source."""


class Kernel:
    """`lichen_predict` of the C source, loaded."""

    def __init__(self, library: Path) -> None:
        predict = ctypes.CDLL(str(library)).lichen_predict
        predict.restype = None
        predict.argtypes = [ctypes.POINTER(Forest), Pointer, ctypes.c_int64, Pointer, Pointer]
        self.predict = predict


@lru_cache
def kernel(folder: Path) -> Kernel:
    """The kernel for this processor, built into `folder` when it is not there yet (0.4 s).

    Raises:
        Unavailable: there is no C compiler, or it does not build the kernel.
    """
    try:
        return Kernel(built(folder, SOURCE, SEPARATE))
    except OSError as error:
        raise Unavailable(f"the compiled form cannot be kept in {folder.name}: {error}") from error


def built(folder: Path, name: str, *more: str) -> Path:
    """The library of one of the C sources beside this file, built where it is not there yet.

    `more` are flags of the compiler beside `FLAGS`.

    Raises:
        Unavailable: there is no C compiler, or it does not build it.
        OSError: it cannot be kept in the folder.
    """
    source = files("lichen.frameworks").joinpath(name).read_bytes()
    made_for = "\n".join((*FLAGS, *more, platform.machine(), _processor())).encode()
    library = folder / f"{digest_of(source + made_for)[:32]}.so"
    if not library.exists():
        _build(source, library, more)
    return library


def _build(source: bytes, library: Path, more: Sequence[str]) -> None:
    """Whole or not at all: a reader never sees half a library."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise Unavailable("there is no C compiler: install one (cc) for the compiled form of trees")
    library.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent, prefix=".building-") as scratch:
        written, built = Path(scratch, SOURCE), Path(scratch, library.name)
        written.write_bytes(source)
        command = [compiler, *FLAGS, *more, "-o", str(built), str(written), "-lm"]
        try:
            subprocess.run(  # noqa: S603 - this machine's own compiler and our own source
                command, check=True, capture_output=True, timeout=_BUILD_SECONDS
            )
        except subprocess.SubprocessError as error:
            raise Unavailable(f"{Path(compiler).name} does not build the compiled form") from error
        with built.open("rb") as file:
            os.fsync(file.fileno())
        built.replace(library)


def _processor() -> str:
    """What the processor can do, so that a home that moves builds anew."""
    try:
        said = _CPU.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()
    found = re.search(r"^(flags|Features)\s*:.*$", said, re.MULTILINE)
    return found.group() if found else platform.processor()
