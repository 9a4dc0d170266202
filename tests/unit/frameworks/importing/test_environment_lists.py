"""The lists of what frameworks' environments hold: each package pinned, each file by its digest."""

import re
from importlib.resources import files

import pytest

from lichen.frameworks.importing.environments import pinned_packages
from lichen.frameworks.importing.formats import FORMATS

NAMES = sorted({one.environment for one in FORMATS if one.environment is not None})
PINNED = r"[a-z0-9.-]+==[A-Za-z0-9.+]+( ; [^\\\n]+)?"
HASHED = re.compile(rf"({PINNED}( \\\n    --hash=sha256:[0-9a-f]{{64}})+\n)+")
UNHASHED = re.compile(rf"({PINNED}\n)+")


def uncommented(content: bytes) -> str:
    lines = content.decode().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))


@pytest.mark.parametrize("name", NAMES)
def test_every_package_of_an_environment_is_pinned_by_digests(name: str) -> None:
    found = pinned_packages(name)
    assert found is not None
    assert HASHED.fullmatch(uncommented(found.hashed))


def test_pytorch_alone_is_pinned_by_its_version() -> None:
    """Its build for CPUs and its other builds have one version, and no index has them all."""
    beside = {one: found.unhashed for one in NAMES if (found := pinned_packages(one)) is not None}
    assert [one for one, content in beside.items() if content is not None] == ["torch"]
    listed = uncommented(beside["torch"] or b"")
    assert UNHASHED.fullmatch(listed)
    assert listed.startswith("torch==")


def test_every_list_is_of_an_environment_that_a_format_names() -> None:
    folder = files("lichen.frameworks.importing.environments")
    listed = {one.name for one in folder.iterdir() if one.name.endswith(".txt")}
    assert listed == {f"{name}.txt" for name in NAMES} | {"torch-unhashed.txt"}
    assert pinned_packages("no-such-framework") is None
