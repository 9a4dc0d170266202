"""What a job says to its script: metrics are kept, models tried out, and what it has cost told."""

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from threading import Lock, Thread

import msgspec

from lichen.core.errors import Conflict, InvalidInput, LichenError, error_name
from lichen.core.ids import checked_name
from lichen.frameworks.importing.conversion import unpacked
from lichen.server.work.scripts.course import Course, line
from lichen.server.work.scripts.served import ServedForm, served_form
from lichen.training.scripts.channel import Head, receive, send
from lichen.training.scripts.desk import Registration

LARGEST_MODEL = 2 * 2**30
_LONGEST_NAME = 100
_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    ArithmeticError,  # a number beyond all floats
    RecursionError,  # brackets within brackets
    msgspec.MsgspecError,
)
_END_SECONDS = 5.0


class _Logged(msgspec.Struct):
    """Metrics of one step."""

    values: list[tuple[str, float | None]]
    step: int | None = None


class _Asked(msgspec.Struct):
    """A model to register; the parts of its conversion come beside it, one after another."""

    sizes: list[int]
    columns: list[str]
    labels: list[str]
    classes: list[str]
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class Registered:
    """What a script registered, tried out."""

    form: ServedForm
    algorithm: str
    task: str
    parameters: Mapping[str, object]
    metrics: Mapping[str, float]


class Ears:
    """Listens to one script in a thread of its own: whatever it says, its limits hold meanwhile."""

    def __init__(
        self,
        line_to: socket.socket,
        model: str,
        course: Course,
        spent: Callable[[], tuple[int | None, int | None]],
        say: Callable[[bytes], None],
        largest_model: int = LARGEST_MODEL,
    ) -> None:
        """Begin to listen.

        Args:
            line_to: our end of the socket.
            model: the name of what is trained.
            course: takes the metrics.
            spent: nanojoules and nanograms so far.
            say: writes to the job's log.
            largest_model: bytes: what a script may not hold itself it cannot fill this process
                with either, by sending it piece by piece.
        """
        self._largest_model = min(largest_model, LARGEST_MODEL)
        self._line = line_to
        self._model = model
        self._spent = spent
        self._say = say
        self._lock = Lock()
        self.course = course
        self.fraction: float | None = None
        self.newest = ""
        """The metrics of the newest step, for people."""
        self.registered: Registered | None = None
        self.raised: str | None = None
        """What ended the script, in Python's words."""
        self._thread = Thread(target=self._listen, name="script-ears", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """The script has ended: hear out what it said, and no more."""
        self._thread.join(_END_SECONDS)
        self._line.close()

    def _listen(self) -> None:
        try:
            while (frame := receive(self._line, self._largest_model)) is not None:
                self._hear(*frame)
        except _UNREADABLE as error:
            self._say(f"-- what the script said to its job cannot be read: {error} --\n".encode())
            with suppress(
                OSError
            ):  # so that a script that waits for an answer hears that none comes
                self._line.shutdown(socket.SHUT_RDWR)

    def _hear(self, head: Head, raw: bytes) -> None:
        if head.get("tell") == "log":
            self._log(msgspec.convert(head, _Logged))
        elif head.get("tell") == "progress":
            self.fraction = min(1.0, max(0.0, float(head["fraction"])))
        elif head.get("tell") == "raised":
            self.raised = str(head["what"])
        elif head.get("ask") == "energy":
            nj, ng = self._spent()
            send(self._line, {"nj": nj, "ng": ng})
        elif head.get("ask") == "register":
            send(self._line, self._registration(head, raw))

    def _log(self, told: _Logged) -> None:
        values = {
            name[:_LONGEST_NAME]: float("nan") if value is None else value
            for name, value in told.values
        }
        self.course.add(told.step, values)
        self.newest = line(told.step, values)
        self._say(f"{self.newest}\n".encode())

    def _registration(self, head: Head, raw: bytes) -> Head:
        if self.registered is not None:
            said = "this run registered a model already: register once, the best one"
            return {"error": said, "code": error_name(Conflict(said))}
        try:
            self.registered = _tried(msgspec.convert(head, _Asked), raw)
        except LichenError as error:
            return {"error": str(error), "code": error_name(error)}
        except Exception as error:  # noqa: BLE001 - else the script would wait for ever
            return {"error": f"the model cannot be read: {error}", "code": "InvalidInput"}
        return {"name": checked_name(self._model, "model")}


def _tried(asked: _Asked, raw: bytes) -> Registered:
    """The model once it was checked, loaded and run.

    Raises:
        InvalidInput: it cannot be served.
    """
    model = unpacked(_parted(raw, asked.sizes))
    registration = Registration(
        model=model, columns=asked.columns, labels=asked.labels, classes=asked.classes
    )
    form = served_form(registration)
    return Registered(form, model.algorithm, model.task, model.parameters, asked.metrics)


def _parted(raw: bytes, sizes: Sequence[int]) -> list[bytes]:
    if sum(sizes) != len(raw) or min(sizes, default=0) < 0:
        raise InvalidInput("the model came in parts that do not fit each other")
    ends = list(accumulate(sizes))
    return [raw[end - size : end] for end, size in zip(ends, sizes, strict=True)]
