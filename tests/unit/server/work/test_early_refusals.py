"""What a converter would refuse is refused before its environment of gigabytes is built."""

import json
import zipfile
from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.conversion import Wishes
from lichen.frameworks.importing.formats import format_of
from lichen.frameworks.importing.source import HDF5_MAGIC, Source, laid_out
from lichen.server.work.importing.converter import converted

LAMBDA = {"class_name": "Lambda", "config": {"name": "twice"}}
DENSE = {"class_name": "Dense", "config": {"name": "first"}}


def configured(*layers: object) -> bytes:
    return json.dumps({"class_name": "Sequential", "config": {"layers": list(layers)}}).encode()


def archive(folder: Path, config: bytes) -> Source:
    with zipfile.ZipFile(folder / "m.keras", "w") as made:
        made.writestr("metadata.json", b"{}")
        made.writestr("config.json", config)
        made.writestr("model.weights.h5", HDF5_MAGIC)
    return laid_out(folder, "m.keras")


def hdf5(folder: Path, config: bytes) -> Source:
    """The attribute where Keras writes it: in one piece, before the weights."""
    named = b"\x0c\x00model_config\x00" + bytes(24) + config
    (folder / "m.h5").write_bytes(HDF5_MAGIC + bytes(500) + named + bytes(64) + b"{ weights")
    return laid_out(folder, "m.h5")


@pytest.mark.parametrize("given", [archive, hdf5])
def test_code_in_a_layer_is_refused_before_anything_of_the_platform_is_used(
    tmp_path: Path, given: object
) -> None:
    source = given(tmp_path, configured(DENSE, LAMBDA))  # type: ignore[operator]
    format_ = format_of(source)
    assert format_ is not None
    no_bench = None  # whatever would build an environment needs one
    with pytest.raises(InvalidInput, match="layer 'twice' is a Lambda: it holds Python code"):
        converted(format_, source, Wishes(), no_bench)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [archive, hdf5])
def test_layers_of_keras_pass(tmp_path: Path, given: object) -> None:
    source = given(tmp_path, configured(DENSE))  # type: ignore[operator]
    format_ = format_of(source)
    assert format_ is not None
    format_.check(source)


@pytest.mark.parametrize("config", [b"", b'{"class_name": ', b"{" * 5000, b'{"a"' + b"\xff" * 99])
def test_a_configuration_in_hdf5_that_is_not_in_one_piece_is_left_to_the_converter(
    tmp_path: Path, config: bytes
) -> None:
    source = hdf5(tmp_path, config)
    format_ = format_of(source)
    assert format_ is not None
    format_.check(source)


def test_an_archive_without_a_model_is_refused(tmp_path: Path) -> None:
    source = archive(tmp_path, b"{}")
    format_ = format_of(source)
    assert format_ is not None
    with pytest.raises(InvalidInput, match="is of no model"):
        format_.check(source)
