"""Guests of this process: which may be, and how each is started."""

import importlib.util
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import lichen
from lichen.core.errors import (
    DeadlinePassed,
    Forbidden,
    InvalidInput,
    LichenError,
    Unavailable,
    WorkFailed,
)
from lichen.core.tensors import Signature
from lichen.frameworks.language.residents import RUNTIME_FILE, Resident, read_runtime
from lichen.frameworks.onnx import MODEL_FILE
from lichen.serving.charging import Apart, Charges, HostMetering
from lichen.serving.guests import main
from lichen.serving.guests.environments import REQUIREMENTS_FILE, Environments
from lichen.serving.guests.guest import Guest
from lichen.serving.guests.keeper import Keeper, Patience
from lichen.serving.guests.main import PREDICTOR_FILE
from lichen.serving.guests.process import GuestCommand
from lichen.serving.guests.resident_main import BOOT
from lichen.store.failures import storage_failures

ACCOUNT = "guest"
"""What the overhead of guests is booked under."""
_MEBIBYTE = 2**20
_SMOKE_ROWS = (1, 2)
_SEARCHED = os.pathsep.join(("/usr/local/bin", "/usr/bin", "/bin"))
_READABLE, _PRIVATE = 0o444, 0o700
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


BuildsPython = Callable[[Resident, Charges], Path]
"""Gives the interpreter of an environment with what a runtime needs; building one is charged."""


def no_environments(resident: Resident, charges: Charges) -> Path:  # noqa: ARG001 - of all that build
    """Builds none.

    Raises:
        InvalidInput: always; the message names the extra.
    """
    missing = ", ".join(_missing(resident))
    raise InvalidInput(
        f"its runtime needs {missing}, which this platform does not have: pip install "
        f"'lichen[{resident.extra}]' beside it"
    )


@dataclass(frozen=True, slots=True)
class GuestRules:
    """What guests may do here; `memory_mb` bounds the address space of foreign code, 0: not."""

    is_custom_allowed: bool = False
    memory_mb: int = 4096
    patience: Patience = field(default_factory=Patience)


class Guests:
    """Starts guests. Each works in a folder of its own, which goes when it ends."""

    def __init__(
        self,
        folder: Path,
        environments: Environments,
        metering: HostMetering,
        rules: GuestRules,
        builds_python: BuildsPython = no_environments,
    ) -> None:
        self._builds_python = builds_python
        self._folder = folder
        self._environments = environments
        self._metering = metering
        self._rules = rules
        self._open: list[Guest] = []

    def custom(
        self,
        name: str,
        files: Mapping[str, bytes],
        expected: Signature | None = None,
        threads: int = 1,
    ) -> Guest:
        """A guest that runs the class in `predictor.py`, the other files beside it.

        Raises:
            Forbidden: this platform runs no foreign code.
            InvalidInput: it does not load, or the environment that it asks for cannot be built.
            StorageFailed: the disk is full or read-only.
        """
        self.check_allowed()
        python = self._environments.python(files.get(REQUIREMENTS_FILE), self._charges)
        folder = self._lay(files)
        command = GuestCommand(
            python,
            ("-I", "-B", "-u", main.__file__),
            folder,
            _variables(folder, threads),
            self._rules.memory_mb * _MEBIBYTE,
        )
        return self._opened(Guest(self._keeper(name, command), expected))

    def check_allowed(self) -> None:
        """Refuse foreign code on a platform that was not told to run any.

        Raises:
            Forbidden: the message names the setting.
        """
        if not self._rules.is_custom_allowed:
            raise Forbidden(
                f"this version runs code of its own ({PREDICTOR_FILE}), and this platform runs "
                "none: set custom_predictors = true under [security] if you trust whoever may "
                "import models"
            )

    def threaded(
        self, name: str, content: bytes, expected: Signature | None, threads: int
    ) -> Guest:
        """A guest that runs an ONNX model with so many threads.

        Raises:
            InvalidInput: it does not load.
            StorageFailed: the disk is full or read-only.
        """
        folder = self._lay({MODEL_FILE: content})
        ours = {"PYTHONPATH": str(Path(lichen.__file__).parents[1])}
        command = GuestCommand(
            Path(sys.executable),
            ("-B", "-P", "-u", "-m", "lichen.serving.guests.onnx_main", str(threads)),
            folder,
            _variables(folder, 1) | ours,
        )
        return self._opened(Guest(self._keeper(name, command), expected, is_trusted=True))

    def resident(
        self, name: str, files: Mapping[str, bytes], expected: Signature | None = None
    ) -> Guest:
        """A guest that a runtime of ours serves, as `runtime.json` among the files declares.

        Its code is this package's, so that no leave is needed for it.

        Raises:
            InvalidInput: it does not load, or what it needs cannot be had.
            StorageFailed: the disk is full or read-only.
        """
        resident = read_runtime(files[RUNTIME_FILE])
        is_here = not _missing(resident)
        python = Path(sys.executable) if is_here else self._builds_python(resident, self._charges)
        folder = self._lay(files)
        package = str(Path(lichen.__file__).parent)
        command = GuestCommand(
            python,
            ("-I", "-B", "-u", "-c", BOOT, package, resident.name),
            folder,
            _variables(folder, 1),
            self._rules.memory_mb * _MEBIBYTE,
        )
        return self._opened(Guest(self._keeper(name, command), expected, is_trusted=True))

    def close(self) -> None:
        """End all of them."""
        for guest in self._open:
            guest.close()
        self._open.clear()

    def clear_away(self) -> None:
        """Remove the folders of processes that are gone, and end what still works in them.

        A guest ends with its platform, but not what it started: that is only ended with it as long
        as somebody is there to do so.
        """
        if not self._folder.is_dir():
            return
        left = [
            folder.resolve()
            for folder in self._folder.iterdir()
            if not Path("/proc", folder.name.partition("-")[0]).exists()
        ]
        for process in Path("/proc").glob("[0-9]*") if left else ():
            with suppress(OSError):
                if (process / "cwd").resolve() in left:
                    os.kill(int(process.name), signal.SIGKILL)
        for folder in left:
            shutil.rmtree(folder, ignore_errors=True)

    def _opened(self, guest: Guest) -> Guest:
        self._open = [one for one in self._open if not one.keeper.is_ended]
        self._open.append(guest)
        return guest

    def _keeper(self, name: str, command: GuestCommand) -> Keeper:
        return Keeper(name, command, self._charges, self._rules.patience)

    def _charges(self, pid: int) -> Apart:
        return self._metering.of_process(pid, ACCOUNT, os.cpu_count() or 1)

    def _lay(self, files: Mapping[str, bytes]) -> Path:
        """Copies of the files that nobody writes, in a new folder."""
        folder = self._folder / f"{os.getpid()}-{secrets.token_hex(4)}"
        with storage_failures(folder):
            folder.mkdir(mode=_PRIVATE, parents=True)
            for name, content in files.items():
                file = folder / name
                file.write_bytes(content)
                file.chmod(_READABLE)
        return folder


def _missing(resident: Resident) -> list[str]:
    return [one for one in resident.needs if importlib.util.find_spec(one) is None]


def _variables(folder: Path, threads: int) -> dict[str, str]:
    """All variables that a guest has; no setting and no key of this process among them."""
    return {
        "PATH": _SEARCHED,
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        **dict.fromkeys(_THREAD_VARIABLES, str(threads)),
    }


def check_predictor(guests: Guests, name: str, files: Mapping[str, bytes]) -> Signature:
    """Can this code be served? It is loaded and run, and states its signature; all guests end.

    Raises:
        Forbidden: this platform runs no foreign code.
        InvalidInput: it cannot; the message says why and what to do.
    """
    try:
        guest = guests.custom(name, files)
        for rows in _SMOKE_ROWS:
            guest.predict(guest.example(rows))
    except (WorkFailed, DeadlinePassed, Unavailable) as error:
        raise _not_served(error) from error
    finally:
        guests.close()
    return guest.signature


def _not_served(error: LichenError) -> InvalidInput:
    return InvalidInput(
        f"a trial run failed ({error}): correct it, or give the class a method `example(rows)` "
        "with inputs that it can take"
    )
