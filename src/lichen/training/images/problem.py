"""What a search asks about images: how wrong each algorithm is, and what an answer of it costs."""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.frameworks.estimation import Settings
from lichen.frameworks.networks.multiplications import multiplications
from lichen.frameworks.networks.network import TrainedNetwork
from lichen.frameworks.networks.pictures import IMAGE, image_model
from lichen.frameworks.networks.rows import NetworkRows
from lichen.frameworks.networks.training import Attendance, train_network
from lichen.frameworks.onnx import OnnxPredictor
from lichen.training.choosing.contender import Served
from lichen.training.choosing.served import nanojoules_of
from lichen.training.images.augmentation import augmentation
from lichen.training.images.portfolio import LINEAR, MLP, architecture_of, settings_of
from lichen.training.images.study import ImageStudy, Rows
from lichen.training.networks import KeptNetworks
from lichen.training.spending import Spending

PASSES_A_NOTE = 5


@dataclass(slots=True)
class ImageProblem:
    """A `choosing.contender.Problem` of a study.

    Attributes:
        study: the images.
        spending: of the run.
        trained: networks by algorithm, settings and fold: each is trained once.
    """

    study: ImageStudy
    spending: Spending
    trained: dict[str, TrainedNetwork] = field(default_factory=dict)

    @property
    def folds(self) -> int:
        """How many splits there are to choose by."""
        return len(self.study.folds)

    @property
    def fingerprint(self) -> str:
        """Of what is asked, and of the data."""
        return self.study.fingerprint

    def error(
        self, algorithm: str, settings: Settings, fold: int, pause: Callable[[], None]
    ) -> float:
        """Share of the images held back that a network is wrong about.

        Raises:
            InvalidInput: these images do not fit the algorithm.
        """
        raw = self.said(algorithm, settings, fold, pause)
        held = self.study.folds[fold].held
        return float(np.mean(chosen(raw) != self.study.truth[held]))

    def said(
        self, algorithm: str, settings: Settings, fold: int, pause: Callable[[], None]
    ) -> NDArray[np.float64]:
        """Scores of the classes of the images held back, by a network that has not seen them."""
        held = self.study.folds[fold].held
        return self.network(algorithm, settings, fold, pause).raw(self.study.pixels[held])

    def network(
        self, algorithm: str, settings: Settings, fold: int, pause: Callable[[], None]
    ) -> TrainedNetwork:
        """The one fitted on a fold."""
        key = f"{algorithm}/{fold}/{msgspec.json.encode(dict(sorted(settings.items()))).decode()}"
        if key not in self.trained:
            rows = self.study.folds[fold].fit
            self.trained[key] = self.fitted(algorithm, settings, rows, pause)
        return self.trained[key]

    def fitted(
        self, algorithm: str, settings: Settings, rows: Rows, pause: Callable[[], None]
    ) -> TrainedNetwork:
        """A network fitted on some of the images; equal arguments give equal bytes.

        Raises:
            InvalidInput: these images do not fit the algorithm.
        """
        study, asked = self.study, self.study.asked
        channels, height, width = study.shape
        changes = augmentation(asked.augment, (height, width, channels))
        return train_network(
            architecture_of(algorithm, study.shape, asked.network, settings),
            NetworkRows(
                features=study.pixels[rows],
                target=study.truth[rows].astype(np.float64),
                classes=len(study.labels),
            ),
            settings_of(algorithm, len(rows), asked.network, settings, asked.seed),
            Attendance(
                pause=pause,
                nursery=KeptNetworks(self.spending),
                augment=None if algorithm in (LINEAR, MLP) and asked.augment is None else changes,
                on_epoch=self._tell,
            ),
        )

    def served(self, algorithm: str, settings: Settings) -> Served:
        """What one answer of it costs, as it is served."""
        network = self.network(algorithm, settings, 0, self.spending.check)
        predictor = OnnxPredictor(image_model(network))
        image = Batch({IMAGE: self.study.pixels[:1].transpose(0, 2, 3, 1)})
        nj = nanojoules_of(lambda: _ask(predictor, image), self.spending.gauge)
        predictor.close()
        return Served(nj, float(multiplications(network.layers, network.shape)))

    def _tell(self, epoch: int, loss: float, _: float | None) -> None:
        is_noted = epoch % PASSES_A_NOTE == 0
        note = f"{self.spending.stage}, pass {epoch}: loss {loss:.4f}" if is_noted else None
        self.spending.report(note)


def _ask(predictor: OnnxPredictor, image: Batch) -> None:
    predictor.predict(image)


def chosen(raw: NDArray[np.float64]) -> NDArray[np.int64]:
    """The class that scores choose: of one column the second where it is over 0."""
    if raw.shape[1] == 1:
        return (raw[:, 0] > 0).astype(np.int64)
    return np.asarray(raw.argmax(axis=1), dtype=np.int64)
