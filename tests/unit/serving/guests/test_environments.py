"""Environments of predictors: built once, whole or not at all, from what pip is told."""

import hashlib
import sys
import zipfile
from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput
from lichen.serving.charging import Apart, NoMetering
from lichen.serving.guests.environments import Environments


def unmetered(pid: int) -> Apart:
    return NoMetering().of_process(pid, "pip", 1)


def pack(folder: Path, name: str, needs: str = "") -> None:
    """A wheel of one small module, version 1.0."""
    stated = {
        f"{name}.py": "warmth = 21\n",
        f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\n"
        f"Version: 1.0\n{needs}",
        f"{name}-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
        f"{name}-1.0.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for member, content in stated.items():
            wheel.writestr(member, content)


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with two small packages, `greenhouse` 1.0 and `shed` 1.0, which needs the other."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    pack(folder, "greenhouse")
    pack(folder, "shed", "Requires-Dist: greenhouse\n")
    return folder


@pytest.fixture
def environments(tmp_path: Path, wheels: Path) -> Environments:
    """Environments from that folder alone."""
    variables = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_CONFIG_FILE": "/dev/null",
        "LICHEN_KEY": "secret",
    }
    return Environments(tmp_path / "environments", variables, needed=())


def built(folder: Path) -> list[str]:
    return sorted(one.name for one in (folder / "environments").iterdir() if one.is_dir())


def test_one_is_built_once_for_the_same_requirements(
    environments: Environments, tmp_path: Path
) -> None:
    python = environments.python(b"greenhouse==1.0\n", unmetered)
    assert list(python.parent.parent.glob("lib/python*/site-packages/greenhouse.py"))
    made = python.stat().st_mtime_ns
    (tmp_path / "wheels" / "greenhouse-1.0-py3-none-any.whl").unlink()
    assert environments.python(b"greenhouse==1.0\n", unmetered) == python
    assert python.stat().st_mtime_ns == made
    assert built(tmp_path) == [python.parent.parent.name]


def test_what_pip_cannot_install_is_said_in_its_words_and_nothing_is_left(
    environments: Environments, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput) as raised:
        environments.python(b"no-such-greenhouse\n", unmetered)
    assert str(raised.value) == (
        "the environment of the predictor cannot be built from its requirements.txt: "
        "No matching distribution found for no-such-greenhouse"
    )
    assert built(tmp_path) == []


def test_no_requirements_need_no_environment(environments: Environments, tmp_path: Path) -> None:
    assert environments.python(None, unmetered) == Path(sys.executable)
    assert not (tmp_path / "environments").exists()


def digest(wheels: Path, name: str) -> str:
    return hashlib.sha256((wheels / f"{name}-1.0-py3-none-any.whl").read_bytes()).hexdigest()


def test_packages_with_digests_are_checked_and_one_without_follows_them(
    environments: Environments, wheels: Path
) -> None:
    listed = f"shed==1.0 --hash=sha256:{digest(wheels, 'shed')}\n".encode()
    python = environments.python(listed, unmetered, b"greenhouse==1.0\n")
    (packages,) = python.parent.parent.glob("lib/python*/site-packages")
    assert {"greenhouse.py", "shed.py"} <= {one.name for one in packages.iterdir()}

    python.unlink()
    python.symlink_to("/nowhere/python")
    assert environments.python(listed, unmetered, b"greenhouse==1.0\n") == python
    assert python.exists(), "one whose interpreter has moved is built anew"


def test_another_file_than_the_pinned_one_is_not_installed(
    environments: Environments, tmp_path: Path
) -> None:
    listed = f"greenhouse==1.0 --hash=sha256:{'0' * 64}\n".encode()
    with pytest.raises(InvalidInput, match=r"another file than the pinned one came as greenhouse"):
        environments.python(listed, unmetered)
    assert built(tmp_path) == []
