"""Packages of a script's own stand before the platform's, which it has too."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput
from lichen.server.platform_paths import add_platform
from lichen.serving.charging import Apart, NoMetering
from lichen.serving.guests.environments import Environments
from lichen.training.scripts.requirements import ONLY_WHEELS


def unmetered(pid: int) -> Apart:
    return NoMetering().of_process(pid, "pip", 1)


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    """Environments from a folder with one wheel, that hides a package of the platform."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "platformdirs-0.1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("platformdirs.py", "whose = 'mine'\n")
        named = "platformdirs-0.1.dist-info"
        wheel.writestr(
            f"{named}/METADATA", "Metadata-Version: 2.1\nName: platformdirs\nVersion: 0.1\n"
        )
        wheel.writestr(
            f"{named}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{named}/RECORD", "")
    (wheels / "built-1.0.tar.gz").write_bytes(b"")
    variables = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": "/dev/null"}
    return Environments(tmp_path / "made", variables, (), ONLY_WHEELS, "script")


def test_its_own_packages_come_first_and_the_platforms_after(environments: Environments) -> None:
    python = environments.python(b"platformdirs==0.1\n", unmetered)
    add_platform(python)
    add_platform(python)
    said = (
        "import platformdirs, numpy, lichen.training.scripts.inside as i; print(platformdirs.whose)"
    )
    asked = subprocess.run([python, "-P", "-c", said], capture_output=True, text=True, env={})
    assert (asked.stdout, asked.stderr) == ("mine\n", "")


def test_nothing_is_built_from_source(environments: Environments) -> None:
    with pytest.raises(InvalidInput, match="the environment of the script cannot be built"):
        environments.python(b"built==1.0\n", unmetered)
