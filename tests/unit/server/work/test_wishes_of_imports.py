import pickle
from collections import OrderedDict
from pathlib import Path

import pytest

from lichen.core.errors import Forbidden, InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.importing.conversion import TensorWish
from lichen.frameworks.importing.formats import FORMATS
from lichen.frameworks.importing.source import laid_out
from lichen.protocol.admin import FileSpec, ImportSpec
from lichen.server.sections import ImportSettings
from lichen.server.work.importing.foreign import digest_of_source, tensor_wish
from lichen.server.work.importing.scanning import check_scan, said_of, scan_of

PICKLED = next(one for one in FORMATS if one.is_pickle)
FILE = FileSpec(upload="u", filename="model.pkl")


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ("x:FP32:-1,3", TensorWish(name="x", datatype=Datatype.FP32, shape=(-1, 3))),
        ("in:0:int64:-1", TensorWish(name="in:0", datatype=Datatype.INT64, shape=(-1,))),
        ("rate:INT64:", TensorWish(name="rate", datatype=Datatype.INT64, shape=())),
    ],
)
def test_a_tensor_is_described_in_one_word(said: str, wish: TensorWish) -> None:
    assert tensor_wish(said) == wish


@pytest.mark.parametrize("said", ["x", "x:FP31:-1", "x:FP32:a", ":FP32:-1", "x:FP32:-2", ""])
def test_what_describes_no_tensor_is_told_how_to(said: str) -> None:
    with pytest.raises(InvalidInput, match=r"NAME:DATATYPE:SHAPE|has no name"):
        tensor_wish(said)


@pytest.mark.parametrize(("allowed", "who"), [(False, "admin"), (False, "none"), (True, "none")])
def test_a_pickle_is_read_only_if_asked_for_and_allowed(
    tmp_path: Path,
    allowed: bool,  # noqa: FBT001
    who: str,
) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(OrderedDict()))
    spec = ImportSpec(name="m", file=FILE, allow_unsafe=allowed)
    source = laid_out(tmp_path, "model.pkl")
    with pytest.raises(Forbidden if allowed else InvalidInput, match="pickle"):
        check_scan(ImportSettings(unsafe_imports=who), spec, source, PICKLED)


def test_an_allowed_pickle_is_named_in_what_the_version_says(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(OrderedDict()))
    spec = ImportSpec(name="m", file=FILE, allow_unsafe=True)
    found = check_scan(ImportSettings(), spec, laid_out(tmp_path, "model.pkl"), PICKLED)
    assert "collections.OrderedDict" in said_of(found)
    assert said_of(()) == "no pickle found"


@pytest.mark.parametrize("allowed", [False, True])
def test_a_pickle_that_no_converter_reads_is_refused_without_a_promise(
    tmp_path: Path,
    allowed: bool,  # noqa: FBT001
) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(OrderedDict()))
    spec = ImportSpec(name="m", file=FILE, allow_unsafe=allowed)
    with pytest.raises(InvalidInput, match="export it as ONNX") as refused:
        check_scan(ImportSettings(), spec, laid_out(tmp_path, "model.pkl"), None)
    assert "--allow-unsafe" not in str(refused.value)


def test_a_form_that_holds_pickles_is_never_said_to_hold_none(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"x")
    source = laid_out(tmp_path, "model.pt")
    checked = [one for one in FORMATS if one.checks_pickles and not one.is_pickle]
    assert checked
    assert all("may hold pickles" in scan_of(one, source) for one in checked)


def test_the_digest_of_a_folder_follows_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    before = digest_of_source(laid_out(tmp_path, "m"))
    (tmp_path / "b").rename(tmp_path / "c")
    renamed = digest_of_source(laid_out(tmp_path, "m"))
    (tmp_path / "c").write_bytes(b"3")
    assert len({before, renamed, digest_of_source(laid_out(tmp_path, "m"))}) == 3
