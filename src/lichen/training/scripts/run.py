"""What `lichen.run()` gives a training script, in a platform or in a notebook alike.

run = lichen.run()
rows = run.dataset.arrays()
...
run.log(step=epoch, loss=loss)
run.register(model, columns=[...])
"""

import math
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from lichen.core.errors import Conflict, InvalidInput, Unavailable
from lichen.store.failures import storage_failures
from lichen.training.scripts.dataset import ScriptDataset
from lichen.training.scripts.desk import Desk, Registration, Spent
from lichen.training.scripts.models import converted
from lichen.training.scripts.settled import Settled

_CHECKPOINTS = "checkpoints"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Run:
    """One run of a training script.

    Attributes:
        arguments: what came after `--` on the command line.
        seed: of whatever draws at random: seed your generators with it.
        folder: to work in; what is kept there survives a pause, and goes when the job has ended.
    """

    def __init__(self, desk: Desk, settled: Settled) -> None:
        self._desk = desk
        self._dataset = settled.dataset
        self._process = os.getpid()
        self._registered: str | None = None
        self.arguments = list(settled.arguments)
        self.seed = settled.seed
        self.folder = settled.folder

    @property
    def dataset(self) -> ScriptDataset:
        """The rows to train on.

        Raises:
            Unavailable: outside a platform, where no file was named.
        """
        if self._dataset is None:
            raise Unavailable(
                "there is no dataset here: call lichen.run(data='rows.csv'), or start the script "
                "with `lichen train script FILE.py --data NAME`"
            )
        return self._dataset

    @property
    def should_stop(self) -> bool:
        """Whether the job is paused or cancelled: save a checkpoint and end; look often."""
        return self._desk.should_stop

    @property
    def energy(self) -> Spent | None:
        """What the whole script has cost so far, its child processes included; None: unmetered."""
        return self._desk.spent()

    def log(self, step: int | None = None, **values: float) -> None:
        """Keep metrics of a step; their last values become the metrics of the version.

        Raises:
            InvalidInput: a value is no number.
        """
        self._check_process()
        self._desk.log(step, _numbers(values))

    def progress(self, fraction: float) -> None:
        """Say how far the run is, 0 to 1.

        Raises:
            InvalidInput: it is no number.
        """
        self._check_process()
        (share,) = _numbers({"progress": fraction}).values()
        self._desk.progress(min(1.0, max(0.0, share)) if math.isfinite(share) else 0.0)

    def checkpoint(self, name: str, content: bytes) -> None:
        """Keep bytes under a name, whole or not at all, for a run that goes on after a pause.

        Raises:
            InvalidInput: the name cannot be that of a file.
            StorageFailed: the disk is full.
        """
        path = self._checkpoint(name)
        with storage_failures(path):
            path.parent.mkdir(exist_ok=True)
            fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            with fresh.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)

    def restore(self, name: str) -> bytes | None:
        """What was kept under a name by this run before it was paused; None: nothing.

        Raises:
            InvalidInput: the name cannot be that of a file.
        """
        path = self._checkpoint(name)
        return path.read_bytes() if path.is_file() else None

    def register(
        self,
        model: object,
        *,
        columns: Sequence[str] | None = None,
        labels: Sequence[str] = (),
        classes: Sequence[str] | None = None,
        metrics: Mapping[str, float] | None = None,
        example: object = None,
    ) -> str:
        """Make the model what this run trained, tried out first, never pickled; its name.

        Args:
            model: ONNX bytes, the path of an .onnx file, an onnx ModelProto, a scikit-learn
                estimator, a LightGBM or XGBoost booster, a PyTorch module, a pair (weights, bias),
                or a list of layers (weights, bias, activation).
            columns: names for the values of a row of its input, so that rows can be sent by name.
            labels: names for the values of a row of its output.
            classes: of a classifier that answers probabilities (of a single one the second's): the
                class is answered too. A fitted classifier of a library has its own, which these
                stand for.
            metrics: scores; they stand over those of `log` with the same name.
            example: a batch of its input, for a PyTorch module that is no chain of layers.

        Raises:
            InvalidInput: it cannot be served; the message says what to do.
            Conflict: this run registered one already.
        """
        self._check_first()
        named = tuple(str(one) for one in classes or ())
        made = converted(model, example, tuple(columns or ()), named)
        asked = Registration(
            model=made,
            columns=tuple(columns or ()),
            labels=tuple(labels),
            classes=made.labels if classes is None else named,
            metrics=_finite(_numbers(metrics or {})),
        )
        self._registered = self._desk.register(asked)
        return self._registered

    def _check_first(self) -> None:
        """Refuse a second model."""
        self._check_process()
        if self._registered is not None:
            raise Conflict(
                f"this run registered {self._registered} already, and a run makes one version: "
                "register once, the best model, at the end"
            )

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise Unavailable(
                "a child process of the script has no run of its own: hand what it found to the "
                "process that called lichen.run(), and log or register it there"
            )

    def _checkpoint(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"a checkpoint cannot be called {name!r}: take letters, digits, '.', '_' or '-'"
            )
        return self.folder / _CHECKPOINTS / name


def _numbers(values: Mapping[str, object]) -> dict[str, float]:
    found = {}
    for name, value in values.items():
        try:
            found[name] = float(value)  # type: ignore[arg-type] # whatever the script gives
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"{name} is {value!r}, which is no number: log numbers") from error
    return found


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    for name, value in values.items():
        if not math.isfinite(value):
            raise InvalidInput(
                f"the metric {name!r} is {value}: leave out a score that could not be computed"
            )
    return dict(values)


class _Here:
    """The run of this process, once there is one."""

    run: Run | None = None


def begin(desk: Desk, settled: Settled) -> Run:
    """Make the run that `lichen.run()` answers in this process."""
    _Here.run = Run(desk, settled)
    return _Here.run


def begun() -> Run | None:
    """The run of this process; None where no platform started it."""
    return _Here.run
