"""Autoencoder: a network that says a row again through a narrow layer; what it cannot is unusual.

The statistic is the mean over columns of the squared error, each column's by what is usual for it
(Hawkins, He, Williams and Baxter, DaWaK 2002).
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.detection.detector import (
    MOST_CONTRIBUTIONS,
    Detector,
    Features,
    Pause,
    Statistics,
    Window,
)
from lichen.frameworks.networks.architecture import Dense
from lichen.frameworks.networks.network import TrainedNetwork
from lichen.frameworks.networks.rows import NetworkRows
from lichen.frameworks.networks.settings import NetworkSettings
from lichen.frameworks.networks.training import Attendance, train_network
from lichen.frameworks.networks.unfinished import NetworkNursery, NoNetworkNursery
from lichen.frameworks.onnx_writer import OUTPUT

WIDEST = 256
LEAST_ERROR = 1e-3
"""A column's usual squared error is taken as this at least: else one that is met exactly would
outweigh all others."""
MOST_EPOCHS, MOST_STEPS = 80, 5000
MANY_ROWS = 10_000
LEAST_ROWS = 20
LEAST_ROWS_TO_STOP_EARLY = 100


def usual_structure(columns: int) -> Dense:
    """Down to a quarter of the columns and up again."""
    wide = min(WIDEST, max(8, 2 * columns))
    narrow = min(WIDEST // 4, max(1, columns // 4))
    return Dense(layers=(wide, narrow, wide), activation="tanh")


def usual_settings(rows: int) -> NetworkSettings:
    """So many passes that no more than `MOST_STEPS` steps are taken."""
    batch = 64 if rows < MANY_ROWS else 256
    epochs = max(3, min(MOST_EPOCHS, MOST_STEPS * batch // max(1, rows)))
    return NetworkSettings(epochs=epochs, batch_size=batch, patience=8, learning_rate=2e-3)


@dataclass(frozen=True, slots=True)
class FittedAutoencoder:
    """A network, and what each column's squared error usually is.

    Attributes:
        network: says rows again.
        usual: `(features,)`, over 0.
    """

    network: TrainedNetwork
    usual: NDArray[np.float64]

    @property
    def statistics(self) -> tuple[str, ...]:
        """One: the reconstruction error, about 1 for usual rows."""
        return ("reconstruction",)

    @property
    def contributes(self) -> bool:
        """Whether its core says each column's part of the error."""
        return len(self.usual) <= MOST_CONTRIBUTIONS

    def judge(self, features: Features) -> Statistics:
        """The reconstruction error of each row."""
        errors = np.square(features - self.network.raw(features)) / self.usual
        return np.asarray(errors.mean(axis=1, keepdims=True))

    def onnx(self, thresholds: NDArray[np.float64], window: Window | None = None) -> bytes:
        """The network as ONNX, and the error after it.

        Raises:
            InvalidInput: it is asked for windows.
        """
        import onnx
        from onnx import TensorProto, checker, helper, numpy_helper

        if window is not None:
            raise InvalidInput("an autoencoder judges single rows: it takes no window")
        model = onnx.load_from_string(self.network.onnx())
        graph, width = model.graph, len(self.usual)
        graph.node[-1].output[0] = "said_again"
        shares = 1 / (self.usual * width)
        told = ["error"]
        nodes = [
            helper.make_node("Sub", [graph.input[0].name, "said_again"], ["missed"]),
            helper.make_node("Mul", ["missed", "missed"], ["squares"]),
            helper.make_node("MatMul", ["squares", "shares"], ["error"]),
        ]
        kept = {"shares": shares[:, None]}
        if self.contributes:
            kept["column_shares"] = shares / thresholds[0]
            nodes.append(helper.make_node("Mul", ["squares", "column_shares"], ["contributions"]))
            told.append("contributions")
        graph.node.extend([*nodes, helper.make_node("Concat", told, [OUTPUT], axis=1)])
        graph.initializer.extend(
            numpy_helper.from_array(value.astype(np.float32), name) for name, value in kept.items()
        )
        del graph.output[:]
        shape: list[str | int | None] = ["rows", 1 + len(told[1:]) * width]
        graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, shape))
        checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))


@dataclass(frozen=True, slots=True)
class Autoencoder:
    """A dense autoencoder.

    Attributes:
        structure: of its hidden layers; None: by the number of columns.
        settings: how it is trained; None: by the number of rows.
        nursery: keeps networks that are not done.
    """

    structure: Dense | None = None
    settings: NetworkSettings | None = None
    nursery: NetworkNursery = field(default_factory=NoNetworkNursery)

    def settled(self, features: Features) -> Detector:  # noqa: ARG002 - nothing to choose
        """The same."""
        return self

    def fit(self, features: Features, seed: int, pause: Pause) -> FittedAutoencoder:
        """Train it to say the rows again.

        Raises:
            InvalidInput: there are too few rows, or an option is not usable.
            WorkFailed: it does not converge.
            Unavailable: PyTorch is not installed.
        """
        if len(features) < LEAST_ROWS:
            raise InvalidInput(
                f"{len(features)} usual rows are too few for an autoencoder: give more, "
                f"{LEAST_ROWS} at least"
            )
        settings = self.settings or usual_settings(len(features))
        patience = settings.patience if len(features) >= LEAST_ROWS_TO_STOP_EARLY else 0
        network = train_network(
            self.structure or usual_structure(features.shape[1]),
            NetworkRows(features=features, target=features.astype(np.float64)),
            replace(settings, seed=seed, patience=patience),
            Attendance(pause=pause, nursery=self.nursery),
        )
        missed = np.square(features - network.raw(features)).mean(axis=0)
        return FittedAutoencoder(network, np.maximum(missed, LEAST_ERROR))
