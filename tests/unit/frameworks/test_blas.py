"""BLAS is pinned for a block of work, and let go after it."""

from pathlib import Path

import numpy as np
import pytest

from lichen.frameworks import blas
from lichen.frameworks.blas import blas_threads, one_blas_thread


def test_numpy_computes_on_one_thread_inside_and_as_before_outside() -> None:
    before = blas_threads()
    if not before:
        pytest.skip("NumPy's BLAS here is no OpenBLAS, or what is loaded is not listed")
    with one_blas_thread():
        assert set(blas_threads()) == {1}
        assert (np.eye(3) @ np.ones(3)).tolist() == [1, 1, 1]
    assert blas_threads() == before


def test_the_threads_come_back_after_an_error() -> None:
    before = blas_threads()
    with pytest.raises(ZeroDivisionError), one_blas_thread():
        raise ZeroDivisionError
    assert blas_threads() == before


def test_where_nothing_is_listed_nothing_is_pinned(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(blas, "MAPS", tmp_path / "maps")
    with one_blas_thread():
        assert blas_threads() == ()
