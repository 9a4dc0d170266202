"""Train a network: the same layers, rows, settings and seed give the same bytes."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from math import isfinite, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Pause, no_pause
from lichen.frameworks.networks.architecture import Architecture, laid_out
from lichen.frameworks.networks.computation import Computation, Tensor, Torch, torch_module
from lichen.frameworks.networks.course import Course
from lichen.frameworks.networks.determinism import has_bfloat16, settled
from lichen.frameworks.networks.layers import Layers
from lichen.frameworks.networks.losses import losses, outputs_of
from lichen.frameworks.networks.network import TrainedNetwork
from lichen.frameworks.networks.rows import NetworkRows, checked_rows, held_out, parts_of, scaling
from lichen.frameworks.networks.schedules import rate_at
from lichen.frameworks.networks.settings import NetworkSettings, checked
from lichen.frameworks.networks.unfinished import (
    NetworkNursery,
    NoNetworkNursery,
    key_of,
    read,
    written,
)
from lichen.frameworks.networks.weights import first_weights, rescaled

Augment = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]
"""Changes the features `(rows, *shape)` of a batch, drawing from the generator alone."""

WEIGHTS, ORDER, DROPS, HELD, CHANGES = range(5)
"""Streams of random numbers of one seed."""

STEPS_A_PAUSE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendance:
    """Who looks after a training.

    Attributes:
        pause: called between steps; raises when it must end.
        nursery: keeps what is not done.
        augment: changes each batch; None: nothing does.
        on_epoch: told of each pass, counted from 1, its loss, and that of the validation if any.
    """

    pause: Pause = no_pause
    nursery: NetworkNursery = field(default_factory=NoNetworkNursery)
    augment: Augment | None = None
    on_epoch: Callable[[int, float, float | None], None] = lambda *_: None


def train_network(
    architecture: Architecture,
    rows: NetworkRows,
    settings: NetworkSettings,
    attendance: Attendance | None = None,
    validation: NetworkRows | None = None,
) -> TrainedNetwork:
    """A network trained on some rows.

    Args:
        architecture: its structure.
        rows: to train on.
        settings: how it is trained.
        attendance: who looks after it.
        validation: rows to validate by after each pass; None: a share of `rows`, where the
            settings have patience.

    Raises:
        InvalidInput: the structure, settings or rows cannot be trained, or it does not converge at
            this learning rate; one sentence says why. A search goes on with other settings.
        Unavailable: PyTorch is not installed.
    """
    checked(settings)
    checked_rows(rows)
    if validation is None and settings.patience:
        held = held_out(rows, settings.validation_share, _random(settings, HELD))
        rows, validation = held
    torch = torch_module()
    with settled(torch):
        task = _Task.of(torch, architecture, rows, validation, settings)
        return task.train(attendance or Attendance())


@dataclass(frozen=True, slots=True)
class _Task:
    """One training: what does not change in it."""

    torch: Torch
    layers: Layers
    rows: NetworkRows
    validation: NetworkRows | None
    settings: NetworkSettings
    centre: NDArray[np.float64]
    spread: float

    @classmethod
    def of(
        cls,
        torch: Torch,
        architecture: Architecture,
        rows: NetworkRows,
        validation: NetworkRows | None,
        settings: NetworkSettings,
    ) -> "_Task":
        outputs = outputs_of(settings, rows.targets, rows.classes)
        layers = laid_out(architecture, rows.shape, outputs)
        if settings.standardises:
            layers = (scaling(rows.features), *layers)
        centre, spread = _target_scale(rows, settings)
        return cls(torch, layers, rows, validation, settings, centre, spread)

    def train(self, attendance: Attendance) -> TrainedNetwork:
        first = first_weights(self.layers, self.rows.shape, _random(self.settings, WEIGHTS))
        course = Course.begun(self.torch, self.settings, first)
        nursery = attendance.nursery
        parts = (self.rows,) if self.validation is None else (self.rows, self.validation)
        key = (
            ""
            if isinstance(nursery, NoNetworkNursery)
            else key_of(self.layers, self.settings, parts)
        )
        kept = read(nursery.kept(key) or b"")
        if kept is not None:
            course.take_up(kept)
        while not course.is_done:
            self._pass(course, attendance, key)
            held = course.held[-1] if course.held else None
            attendance.on_epoch(course.epoch, course.losses[-1], held)
            if nursery.is_keen or course.is_done:
                nursery.keep(key, written(course.arrays()))
        return self._trained(course)

    def _trained(self, course: Course) -> TrainedNetwork:
        weights = course.trained()
        if self.settings.loss != "cross-entropy":
            levels = max(1, len(self.settings.levels))
            weights = rescaled(self.layers, weights, self.spread, np.repeat(self.centre, levels))
        return TrainedNetwork(
            layers=self.layers,
            weights=weights,
            shape=self.rows.shape,
            losses=tuple(course.losses),
            validation_losses=tuple(course.held),
            stopped_early=course.is_stale,
        )

    def _pass(self, course: Course, attendance: Attendance, key: str) -> None:
        """All rows once, from the step where the course stands."""
        settings, nursery = self.settings, attendance.nursery
        steps = -(-len(self.rows) // settings.batch_size)
        order = _random(settings, ORDER, course.epoch).permutation(len(self.rows))
        batches = np.array_split(order, steps)
        whole = steps * settings.epochs
        while course.step < steps:
            if course.step % STEPS_A_PAUSE == 0:
                attendance.pause()
                if nursery.is_keen:
                    nursery.keep(key, written(course.arrays()))
            number = course.epoch * steps + course.step
            each = self._losses(course, batches[course.step], attendance.augment, number)
            rate = rate_at(settings.schedule, settings.learning_rate, number, whole)
            course.descend(each.mean(), rate)
            course.summed += float(each.detach().sum())
            course.step += 1
        course.losses.append(course.summed / len(self.rows))
        course.epoch, course.step, course.summed = course.epoch + 1, 0, 0.0
        self._check_finite(course)
        if self.validation is not None:
            course.validated(self._validation_loss(course, self.validation))

    def _losses(
        self, course: Course, batch: NDArray[np.int64], augment: Augment | None, number: int
    ) -> Tensor:
        """Of each row of a batch, times its weight."""
        torch = self.torch
        features = self.rows.features[batch].astype(np.float32, copy=False)
        if augment is not None:
            features = augment(features, _random(self.settings, CHANGES, number))
        torch.default_generator.manual_seed(_seed(self.settings, DROPS, number))
        with self._precision():
            run = Computation(torch, course.weights, is_training=True)
            raw = run.run(self.layers, torch.from_numpy(features))
        each = losses(torch, self.settings, raw, self._target(self.rows, batch))
        if self.rows.weights is not None:
            each = each * torch.from_numpy(self.rows.weights[batch].astype(np.float32))
        return each

    def _target(self, rows: NetworkRows, places: Any) -> Tensor:  # noqa: ANN401 - indices, or a slice
        target = (rows.target[places] - self._middle(rows)) / self.spread
        return self.torch.from_numpy(target.astype(np.float32))

    def _middle(self, rows: NetworkRows) -> NDArray[np.float64] | float:
        return self.centre if rows.target.ndim > 1 else float(self.centre[0])

    def _precision(self) -> AbstractContextManager[Any]:
        asked = self.settings.precision
        if asked == "bfloat16" or (asked == "auto" and has_bfloat16()):
            made: AbstractContextManager[Any] = self.torch.autocast("cpu", self.torch.bfloat16)
            return made
        return nullcontext()

    def _validation_loss(self, course: Course, rows: NetworkRows) -> float:
        """The mean loss of rows."""
        total, weight, first = 0.0, 0.0, 0
        with self.torch.no_grad():
            for part in parts_of(rows.features):
                places = slice(first, first + len(part))
                features = self.torch.from_numpy(part.astype(np.float32, copy=False))
                raw = Computation(self.torch, course.weights).run(self.layers, features)
                each = losses(self.torch, self.settings, raw, self._target(rows, places)).numpy()
                weights = np.ones(len(part)) if rows.weights is None else rows.weights[places]
                total += float(each.astype(np.float64) @ weights)
                weight += float(weights.sum())
                first += len(part)
        return total / weight

    def _check_finite(self, course: Course) -> None:
        """Refuse to go on where the last loss, or a weight after it, is no number."""
        vector = course.descent.weights
        if not isfinite(course.losses[-1]) or not bool(self.torch.isfinite(vector).all()):
            raise InvalidInput(
                f"the network's loss is no number after pass {course.epoch}: it does not converge; "
                f"lower the learning rate ({self.settings.learning_rate:g})"
            )


def _target_scale(
    rows: NetworkRows, settings: NetworkSettings
) -> tuple[NDArray[np.float64], float]:
    """The mean of each target, and one spread of all: what is learnt is about 1 in size."""
    if settings.loss == "cross-entropy":
        return np.zeros(1), 1.0
    target = rows.target.reshape(len(rows), -1)
    centre = np.average(target, axis=0, weights=rows.weights)
    spread = sqrt(float(np.average(np.square(target - centre).mean(axis=1), weights=rows.weights)))
    return centre, spread if spread > 1e-12 * max(1.0, float(np.abs(centre).max())) else 1.0


def _random(settings: NetworkSettings, stream: int, number: int = 0) -> np.random.Generator:
    """A generator of its own for each use: a training that goes on need not keep its state."""
    return np.random.default_rng([settings.seed, stream, number])


def _seed(settings: NetworkSettings, stream: int, number: int) -> int:
    return int(np.random.SeedSequence([settings.seed, stream, number]).generate_state(1)[0])
