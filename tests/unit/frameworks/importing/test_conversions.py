import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from lichen.core.errors import Corrupt
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.importing.conversion import (
    Conversion,
    Trial,
    read_conversion,
    write_conversion,
)

TEXTS = np.array([[b"a", b""], ["水".encode(), b"\x00b"]], dtype=np.object_)


@pytest.fixture
def conversion() -> Conversion:
    spec = TensorSpec("x", Datatype.FP32, (-1, 2), columns=("a", "b"))
    trial = Trial(
        inputs={"x": np.ones((2, 2), dtype=np.float32), "texts": TEXTS},
        outputs={"y": np.array([True, False]), "none": np.empty((0, 3))},
        tolerance=1e-5,
    )
    return Conversion(
        files={"model.onnx": b"\x08", "pipeline.json": b"{}"},
        trial=trial,
        algorithm="Ridge",
        library="scikit-learn 1.9.1",
        signature=Signature((spec,), ()),
        labels=("a", "b"),
        opset=21,
        parameters={"alpha": 0.5, "names": ["x"]},
        notes=("It is small.",),
    )


def test_what_is_read_is_what_was_written(conversion: Conversion, tmp_path: Path) -> None:
    write_conversion(conversion, tmp_path)
    found = read_conversion(tmp_path)
    assert {name: getattr(found, name) for name in _PLAIN} == {
        name: getattr(conversion, name) for name in _PLAIN
    }
    assert found.trial.tolerance == conversion.trial.tolerance
    for side in ("inputs", "outputs"):
        expected = getattr(conversion.trial, side)
        read = getattr(found.trial, side)
        assert set(read) == set(expected)
        for name, values in expected.items():
            assert read[name].dtype == values.dtype
            assert np.array_equal(read[name], values)


_PLAIN = (
    "files",
    "algorithm",
    "library",
    "task",
    "signature",
    "labels",
    "opset",
    "parameters",
    "notes",
)


@pytest.mark.parametrize("file", ["conversion.json", "trial.npz", "files/0"])
def test_a_missing_or_cut_file_is_told_as_damage(
    conversion: Conversion, tmp_path: Path, file: str
) -> None:
    write_conversion(conversion, tmp_path)
    kept = (tmp_path / file).read_bytes()
    if file != "files/0":
        (tmp_path / file).write_bytes(kept[: len(kept) // 2])
        with pytest.raises(Corrupt, match="did not leave what it should"):
            read_conversion(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(Corrupt, match="did not leave what it should"):
        read_conversion(tmp_path)


def test_texts_whose_lengths_lie_are_told_as_damage(conversion: Conversion, tmp_path: Path) -> None:
    write_conversion(conversion, tmp_path)
    with np.load(tmp_path / "trial.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["in/texts"] = arrays["in/texts"][:-1]
    np.savez(tmp_path / "trial.npz", allow_pickle=False, **arrays)
    with pytest.raises(Corrupt, match="texts"):
        read_conversion(tmp_path)


@pytest.mark.parametrize("file", ["conversion.json", "trial.npz", "files/0"])
def test_no_link_that_was_left_is_followed_out_of_the_folder(
    conversion: Conversion, tmp_path: Path, file: str
) -> None:
    folder = tmp_path / "out"
    write_conversion(conversion, folder)
    secret = tmp_path / "secret"
    (folder / file).rename(secret)
    (folder / file).symlink_to(secret)
    with pytest.raises(Corrupt, match="did not leave what it should"):
        read_conversion(folder)


def test_a_folder_of_files_that_is_a_link_is_not_read(
    conversion: Conversion, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    write_conversion(conversion, folder)
    (folder / "files").rename(tmp_path / "elsewhere")
    (folder / "files").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(Corrupt, match="did not leave what it should"):
        read_conversion(folder)


def test_a_pipe_in_place_of_a_file_keeps_nobody_waiting(
    conversion: Conversion, tmp_path: Path
) -> None:
    write_conversion(conversion, tmp_path)
    (tmp_path / "files" / "1").unlink()
    os.mkfifo(tmp_path / "files" / "1")
    with pytest.raises(Corrupt, match="no plain file"):
        read_conversion(tmp_path)


def test_arrays_that_unpack_to_more_than_they_weigh_are_refused(
    conversion: Conversion, tmp_path: Path
) -> None:
    write_conversion(conversion, tmp_path)
    np.savez_compressed(tmp_path / "trial.npz", allow_pickle=False, **{"in/x": np.zeros(1 << 20)})
    with pytest.raises(Corrupt, match="packed"):
        read_conversion(tmp_path)


@pytest.mark.parametrize("tolerance", [0.5, 1e300, -1.0])
def test_a_converter_does_not_choose_how_unfaithful_it_may_be(
    conversion: Conversion, tmp_path: Path, tolerance: float
) -> None:
    trial = dataclasses.replace(conversion.trial, tolerance=tolerance)
    write_conversion(dataclasses.replace(conversion, trial=trial), tmp_path)
    with pytest.raises(Corrupt, match="tolerance"):
        read_conversion(tmp_path)


def test_a_trial_of_nothing_is_refused(conversion: Conversion, tmp_path: Path) -> None:
    none = dataclasses.replace(conversion.trial, inputs={"x": np.empty((0, 2), dtype=np.float32)})
    write_conversion(dataclasses.replace(conversion, trial=none), tmp_path)
    with pytest.raises(Corrupt, match="no inputs"):
        read_conversion(tmp_path)


def test_parameters_that_nest_too_deep_are_told_as_damage(
    conversion: Conversion, tmp_path: Path
) -> None:
    write_conversion(conversion, tmp_path)
    record = (tmp_path / "conversion.json").read_bytes()
    deep = b'"alpha":' + b"[" * 100_000 + b"]" * 100_000
    (tmp_path / "conversion.json").write_bytes(record.replace(b'"alpha":0.5', deep))
    with pytest.raises(Corrupt, match="did not leave what it should"):
        read_conversion(tmp_path)
