import zipfile
from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.formats import format_of
from lichen.frameworks.importing.source import HDF5_MAGIC, laid_out
from lichen.frameworks.importing.tensorflow.recognition import check_archive, saved_model_folder


def archive(folder: Path, name: str, *members: str) -> None:
    with zipfile.ZipFile(folder / name, "w") as made:
        for member in members:
            made.writestr(member, b"{}")


def found(folder: Path) -> str | None:
    found = format_of(laid_out(folder, "given"))
    return None if found is None else found.name


@pytest.mark.parametrize("name", ["model.keras", "model.zip", "model.h5"])
def test_a_keras_archive_is_known_by_its_members(tmp_path: Path, name: str) -> None:
    archive(tmp_path, name, "metadata.json", "config.json", "model.weights.h5")
    assert found(tmp_path) == "keras"
    check_archive(laid_out(tmp_path, "given"), name)


def test_a_keras_archive_without_weights_is_told_so(tmp_path: Path) -> None:
    archive(tmp_path, "m.keras", "metadata.json", "config.json")
    assert found(tmp_path) == "keras"
    with pytest.raises(InvalidInput, match=r"holds no model\.weights\.h5"):
        check_archive(laid_out(tmp_path, "given"), "m.keras")


def test_other_archives_are_no_keras(tmp_path: Path) -> None:
    archive(tmp_path, "m.keras", "notes.txt")
    assert found(tmp_path) is None


def test_hdf5_is_known_by_its_first_bytes_and_not_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(HDF5_MAGIC + bytes(32))
    assert found(tmp_path) == "keras-h5"
    (tmp_path / "weights.bin").write_bytes(b"no HDF5 at all")
    assert found(tmp_path) is None


def test_a_saved_model_may_stand_in_a_folder_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "1" / "variables").mkdir(parents=True)
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"\x08\x01")
    (tmp_path / "1" / "variables" / "variables.index").write_bytes(b"x")
    source = laid_out(tmp_path, "given")
    assert found(tmp_path) == "savedmodel"
    assert saved_model_folder(source) == "1"
    (tmp_path / "1" / "saved_model.pb").rename(tmp_path / "saved_model.pb")
    assert saved_model_folder(laid_out(tmp_path, "given")) == ""


def test_a_saved_model_as_text_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pbtxt").write_text("saved_model_schema_version: 1")
    with pytest.raises(InvalidInput, match="keeps its graph as text"):
        found(tmp_path)


def test_a_format_that_was_asked_for_is_compared_with_the_content(tmp_path: Path) -> None:
    archive(tmp_path, "m.h5", "metadata.json", "config.json", "model.weights.h5")
    with pytest.raises(InvalidInput, match="is not a Keras model in HDF5: it is a Keras model"):
        format_of(laid_out(tmp_path, "given"), "keras-h5")
