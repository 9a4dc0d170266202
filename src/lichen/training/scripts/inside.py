"""The start of a script's process: joins it to its job, and runs the program as Python would.

    python -P -u -m lichen.training.scripts.inside DESCRIPTOR CONTROL SCRIPT

The job's first word on the socket says what the run is about.
"""

import os
import signal
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType, ModuleType

import msgspec

from lichen.core.errors import Unavailable, named_error
from lichen.frameworks.importing.conversion import packed
from lichen.training.scripts.channel import Head, receive, send
from lichen.training.scripts.dataset import dataset_of
from lichen.training.scripts.desk import Registration, Spent
from lichen.training.scripts.run import begin
from lichen.training.scripts.settled import Settled

STOP = "stop"
"""A file in the folder CONTROL: the script is to save what it has, and end."""
_LARGEST_ANSWER = 1 << 24
_FAILED = 1
_LONGEST_REASON = 2000


class PlatformDesk:
    """Speaks to the job over a socket."""

    def __init__(self, line: socket.socket, control: Path) -> None:
        self._line = line
        self._stop = str(control / STOP)
        self._was_signalled = False
        signal.signal(signal.SIGTERM, self._take_signal)

    @property
    def should_stop(self) -> bool:
        """Whether the job says so; about a microsecond."""
        return self._was_signalled or os.path.exists(self._stop)  # noqa: PTH110 - asked often

    def _take_signal(self, _number: int, _frame: FrameType | None) -> None:
        """The job is being ended: the script has its grace to save what it has."""
        self._was_signalled = True

    def log(self, step: int | None, values: Mapping[str, float]) -> None:
        """Tell the job; nothing is waited for."""
        self._tell({"tell": "log", "step": step, "values": list(values.items())})

    def progress(self, fraction: float) -> None:
        """Tell the job; nothing is waited for."""
        self._tell({"tell": "progress", "fraction": fraction})

    def raised(self, error: BaseException) -> None:
        """Tell the job what ended the script."""
        said = traceback.format_exception_only(error)[-1].strip()[:_LONGEST_REASON]
        with suppress(Unavailable):
            self._tell({"tell": "raised", "what": said})

    def spent(self) -> Spent | None:
        """What the job was charged so far."""
        found = self._ask({"ask": "energy"})
        return None if found["nj"] is None else Spent(found["nj"], found["ng"])

    def register(self, asked: Registration) -> str:
        """Hand the model to the job, which tries it out; what it is called.

        Raises:
            InvalidInput: it cannot be served.
        """
        parts = packed(asked.model)
        head: Head = {
            "ask": "register",
            "sizes": [len(one) for one in parts],
            "columns": asked.columns,
            "labels": asked.labels,
            "classes": asked.classes,
            "metrics": asked.metrics,
        }
        return str(self._ask(head, *parts)["name"])

    def _tell(self, head: Head, *raw: bytes) -> None:
        try:
            send(self._line, head, *raw)
        except OSError as error:
            raise Unavailable("the job of this run is gone: nothing hears it any more") from error

    def _ask(self, head: Head, *raw: bytes) -> Head:
        self._tell(head, *raw)
        try:
            frame = receive(self._line, _LARGEST_ANSWER)
        except (OSError, ValueError, msgspec.DecodeError) as error:
            raise Unavailable("the job of this run said what is no answer") from error
        if frame is None:
            raise Unavailable("the job of this run is gone: nothing hears it any more")
        answer, _ = frame
        if "error" in answer:
            raise named_error(answer["code"], answer["error"])
        return answer


def main(arguments: Sequence[str]) -> int:
    """Run the script; the exit code of this process."""
    descriptor, control, script = int(arguments[0]), Path(arguments[1]), Path(arguments[2])
    line = socket.socket(fileno=descriptor)
    line.set_inheritable(False)
    frame = receive(line, _LARGEST_ANSWER)
    if frame is None:
        return _FAILED
    told, dataset = frame
    desk = PlatformDesk(line, control)
    settled = Settled(dataset_of(dataset), told["arguments"], told["seed"], Path(told["folder"]))
    begin(desk, settled)
    sys.argv = [str(script), *settled.arguments]
    sys.path.insert(0, str(script.parent))
    sys.path += [path for path in told["path"] if path not in sys.path]
    return _ended(desk, script)


def _ended(desk: PlatformDesk, script: Path) -> int:
    try:
        _execute(script)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a script raises ends it, as in Python
        sys.stdout.flush()
        traceback.print_exception(_own_part(error, script))
        desk.raised(error)
        return _FAILED
    return 0


def _execute(script: Path) -> None:
    """Run a file as the main module; processes that it spawns find it as such."""
    module = ModuleType("__main__")
    module.__dict__["__file__"] = str(script)
    sys.modules["__main__"] = module
    code = compile(script.read_bytes(), str(script), "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102 - it is what this process is for


def _own_part(error: BaseException, script: Path) -> BaseException:
    """The error with a traceback that begins in the script."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != str(script):
        trace = trace.tb_next
    return error.with_traceback(trace or error.__traceback__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
