"""NumPy's BLAS on one thread, whatever the environment said when NumPy was loaded.

On problems of this size more threads only wait for each other: two burned 20 times the CPU of
one, and they sum in another order, so the bytes of a model would depend on the machine's cores.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

MAPS = Path("/proc/self/maps")
_NAMES = ("scipy_openblas_{}64_", "scipy_openblas_{}", "openblas_{}64_", "openblas_{}")


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Every OpenBLAS loaded by this process computes on one thread until the end of the block."""
    pinned = [(library, count) for library in _libraries() if (count := _threads(library))]
    for library, _ in pinned:
        _set_threads(library, 1)
    try:
        yield
    finally:
        for library, count in pinned:
            _set_threads(library, count)


def blas_threads() -> tuple[int, ...]:
    """How many threads each OpenBLAS loaded by this process computes on."""
    return tuple(count for library in _libraries() if (count := _threads(library)))


def _libraries() -> list[ctypes.CDLL]:
    """OpenBLAS as NumPy and SciPy bring it; none on systems that do not list what is loaded."""
    if not MAPS.exists():
        return []
    listed = MAPS.read_text(encoding="utf-8", errors="replace").splitlines()
    mapped = {line[line.index("/") :] for line in listed if "/" in line}
    return [ctypes.CDLL(path) for path in sorted(mapped) if "openblas" in Path(path).name]


def _threads(library: ctypes.CDLL) -> int:
    """0 where the library does not say."""
    ask = _function(library, "get_num_threads")
    return int(ask()) if ask else 0


def _set_threads(library: ctypes.CDLL, count: int) -> None:
    tell = _function(library, "set_num_threads")
    if tell:
        tell(count)


def _function(library: ctypes.CDLL, verb: str) -> Callable[..., int] | None:
    for name in _NAMES:
        found: Callable[..., int] | None = getattr(library, name.format(verb), None)
        if found is not None:
            return found
    return None
