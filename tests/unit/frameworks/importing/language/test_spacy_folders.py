"""Where a spaCy pipeline lies: in a folder or a package, its code left out and never run."""

import zipfile
from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.formats import format_of
from lichen.frameworks.importing.language.spacy_folder import (
    is_spacy,
    packed,
    pipeline_contents,
)
from lichen.frameworks.importing.source import Source, laid_out

FILES = {
    "config.cfg": b'[nlp]\nlang = "en"\npipeline = []\n',
    "meta.json": b'{"name": "small"}',
    "vocab/strings.json": b"[]",
    "evil.py": b"raise SystemExit",
}


def written(folder: Path, below: str = "") -> Source:
    for name, content in FILES.items():
        path = folder / below / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return laid_out(folder, "pipeline")


@pytest.mark.parametrize("below", ["", "en_small/en_small-3.8.0"])
def test_a_folder_is_recognised_and_its_code_left_out(tmp_path: Path, below: str) -> None:
    source = written(tmp_path, below)
    found = format_of(source)
    assert found is not None
    assert found.name == "spacy"
    contents, left_out = pipeline_contents(source)
    assert set(contents) == {"config.cfg", "meta.json", "vocab/strings.json"}
    assert [Path(one).name for one in left_out] == ["evil.py"]


def test_a_wheel_is_read_like_its_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "en_small-3.8.0-py3-none-any.whl", "w") as archive:
        archive.writestr("en_small/__init__.py", b"raise SystemExit")
        for name, content in FILES.items():
            archive.writestr(f"en_small/en_small-3.8.0/{name}", content)
    source = laid_out(tmp_path, "en_small-3.8.0-py3-none-any.whl")
    assert is_spacy(source)
    contents, left_out = pipeline_contents(source)
    assert contents["config.cfg"] == FILES["config.cfg"]
    assert len(left_out) == 2


def test_a_component_of_others_is_refused_before_any_framework_is_looked_for(
    tmp_path: Path,
) -> None:
    source = written(tmp_path)
    said = b'[nlp]\nlang = "en"\npipeline = ["x"]\n[components.x]\nfactory = "evil"\n'
    (tmp_path / "config.cfg").write_bytes(said)
    with pytest.raises(InvalidInput, match="'x' is made by 'evil'"):
        format_of(source)


def test_two_pipelines_are_refused(tmp_path: Path) -> None:
    written(tmp_path, "one")
    with pytest.raises(InvalidInput, match="several pipelines"):
        pipeline_contents(written(tmp_path, "two"))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.cfg", FILES["config.cfg"])
        archive.writestr("vocab/strings.json", b"\0" * (65 << 20))
    with pytest.raises(InvalidInput, match="zip bomb"):
        is_spacy(laid_out(tmp_path, "bomb.whl"))


def test_other_configurations_are_no_pipeline(tmp_path: Path) -> None:
    (tmp_path / "config.cfg").write_text("[server]\nport = 1\n", encoding="utf-8")
    assert not is_spacy(laid_out(tmp_path, "settings"))


def test_the_same_files_are_packed_to_the_same_bytes() -> None:
    assert packed(FILES) == packed(dict(reversed(FILES.items())))
