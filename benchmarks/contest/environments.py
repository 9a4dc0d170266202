"""Each peer in an environment of its own, made by uv from pinned requirements."""

import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"
FOLDER = Path(__file__).parents[2] / ".venv-peers"


def python_of(name: str, requirements: Path = REQUIREMENTS) -> Path:
    """The interpreter of a peer's environment, which is made or renewed if its pins changed."""
    pins, environment = requirements / f"{name}.txt", FOLDER / name
    python, stamp = environment / "bin" / "python", environment / "pins"
    if stamp.exists() and stamp.read_bytes() == pins.read_bytes():
        return python
    print(f"making the environment of {name}", flush=True)
    uv = _uv()
    _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(environment)])
    install = [uv, "pip", "sync", "--quiet", "--only-binary", ":all:", "--python", str(python)]
    _run([*install, str(pins)])
    stamp.write_bytes(pins.read_bytes())
    return python


def pinned(name: str, requirements: Path = REQUIREMENTS) -> dict[str, str]:
    """The versions in a peer's requirements, by package."""
    lines = (requirements / f"{name}.txt").read_text().splitlines()
    found = [line.split()[0].partition("==") for line in lines if "==" in line.split(" ")[0]]
    return {package: version for package, _, version in found}


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise SystemExit("uv is needed to make the peers' environments: pip install uv")
    return found


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True)
