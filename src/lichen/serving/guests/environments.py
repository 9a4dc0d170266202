"""Python environments for predictors that need packages of their own: each is built once."""

import fcntl
import importlib.util
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from lichen.core.errors import InvalidInput
from lichen.core.ids import digest_of
from lichen.serving.charging import Charges
from lichen.store.failures import storage_failures

BUILD_SECONDS = 900.0
REQUIREMENTS_FILE = "requirements.txt"
_UNHASHED_FILE = "requirements-unhashed.txt"
_NEEDED = "numpy"
"""What the script in a guest imports itself."""
_PASSED_ON = ("PIP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_", "REQUESTS_CA_", "LANG")
_PASSED_ON_WHOLE = ("PATH", "HOME", "TMPDIR")
_LONGEST_REASON = 300
_OTHER_DIGEST = "DO NOT MATCH THE HASHES"
"""In what pip says above the name of a file that is not the one whose digest is listed."""


class Environments:
    """The environments in one folder, each under the digest of what it holds."""

    def __init__(
        self,
        folder: Path,
        variables: Mapping[str, str],
        needed: Sequence[str] = (_NEEDED,),
        options: Sequence[str] = (),
        whose: str = "predictor",
    ) -> None:
        """Take the folder.

        Args:
            folder: where they stand; made when the first is built.
            variables: the variables of this process; pip is given those that are about it.
            needed: what each holds beside what it is asked for.
            options: what else pip is told.
            whose: what they are for, in messages.
        """
        self._needed = needed
        self._options = options
        self._whose = whose
        self._folder = folder
        self._variables = {name: text for name, text in variables.items() if _is_for_pip(name)}

    def python(
        self, requirements: bytes | None, charges: Charges, unhashed: bytes | None = None
    ) -> Path:
        """The interpreter that has these packages; this process's own where none are asked for.

        Args:
            requirements: what pip is told; None for none.
            charges: makes the counters of each process that it takes to build one.
            unhashed: what is installed after them, by another run of pip: as soon as one package
                has a digest, it demands one of all. The first list must then name all that any of
                its packages needs.

        Raises:
            InvalidInput: the packages cannot be installed; the message is what pip says last.
            StorageFailed: the disk is full or read-only.
        """
        if requirements is None:
            return Path(sys.executable)
        lists = (requirements,) if unhashed is None else (requirements, unhashed)
        digest = digest_of(b"\n".join((sys.version.encode(), *lists)))
        place = self._folder / digest
        python = place / "bin" / "python"
        if not python.exists():
            with storage_failures(self._folder):
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                with _locked(self._folder / f"{digest}.lock"):
                    if not python.exists():
                        self._build(place, lists, charges)
        return python

    def _build(self, place: Path, lists: Sequence[bytes], charges: Charges) -> None:
        """Make it aside, and give it its name when it is whole."""
        for left in self._folder.glob(f".{place.name}-*"):
            shutil.rmtree(left, ignore_errors=True)
        aside = self._folder / f".{place.name}-{secrets.token_hex(4)}"
        aside.mkdir(mode=0o700)
        try:
            has_pip = importlib.util.find_spec("pip") is not None
            bare = ["--without-pip"] if has_pip else []
            self._run([sys.executable, "-m", "venv", *bare, str(aside)], charges)
            python = str(aside / "bin" / "python")
            pip = [sys.executable, "-m", "pip", "--python", python]
            if not has_pip:
                pip = [python, "-m", "pip"]
            for number, content in enumerate(lists):
                listed = aside / (REQUIREMENTS_FILE if number == 0 else _UNHASHED_FILE)
                listed.write_bytes(content)
                is_last = number == len(lists) - 1
                alone = () if is_last else ("--no-deps",)
                self._run([*pip, *self._said_to_pip(listed), *alone], charges)
            shutil.rmtree(place, ignore_errors=True)  # one whose interpreter is gone
            aside.rename(place)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _said_to_pip(self, listed: Path) -> list[str]:
        quiet = ("--quiet", "--no-input", "--disable-pip-version-check")
        return ["install", *quiet, *self._options, "--requirement", str(listed), *self._needed]

    def _run(self, command: Sequence[str], charges: Charges) -> None:
        with tempfile.TemporaryFile() as said:
            with subprocess.Popen(  # noqa: S603 - our own interpreter
                command,
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            ) as process:
                is_in_time = _attended(process.pid, charges)
            said.seek(0)
            last = _reason(said.read())
        if not is_in_time:
            raise InvalidInput(
                f"the environment of the {self._whose} was not built in {BUILD_SECONDS:g} s: "
                f"shorten its {REQUIREMENTS_FILE}"
            )
        if process.returncode:
            raise InvalidInput(
                f"the environment of the {self._whose} cannot be built from its "
                f"{REQUIREMENTS_FILE}: {last}"
            )


def _attended(pid: int, charges: Charges) -> bool:
    """Wait until it ends, or end it when its time is over; whether it ended in time.

    It keeps its clock, which is read a last time, until somebody waits for it.
    """
    ended = os.pidfd_open(pid)
    try:
        books = charges(pid)
        is_in_time = bool(select.select([ended], [], [], BUILD_SECONDS)[0])
    finally:
        os.kill(pid, signal.SIGKILL)
        select.select([ended], [], [])
        os.close(ended)
    books.finish()
    return is_in_time


def _is_for_pip(name: str) -> bool:
    return name.upper().startswith(_PASSED_ON) or name in _PASSED_ON_WHOLE


def _reason(said: bytes) -> str:
    """What pip says last; of a file with another digest it says last which digest that is."""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    last = lines[-1] if lines else "pip said nothing"
    for line, found in pairwise(lines):
        if _OTHER_DIGEST in line:
            last = f"another file than the pinned one came as {found.rstrip(':')}"
    return last.removeprefix("ERROR: ")[:_LONGEST_REASON]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Only one process builds the same one; the lock goes with whoever holds it."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
