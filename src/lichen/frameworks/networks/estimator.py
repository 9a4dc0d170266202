"""The `mlp` of tables: a dense network as one algorithm of their portfolio."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Examples, Pause, Settings
from lichen.frameworks.networks.architecture import Dense
from lichen.frameworks.networks.network import TrainedNetwork
from lichen.frameworks.networks.rows import NetworkRows
from lichen.frameworks.networks.settings import NetworkSettings
from lichen.frameworks.networks.training import Attendance, train_network

DEFAULTS: Mapping[str, float | int | str | bool] = {
    "layers": "128,64",
    "activation": "relu",
    "dropout": 0.0,
    "l1": 0.0,
    "l2": 1e-5,
    "optimizer": "adam",
    "epochs": 100,
    "learning_rate": 2e-3,
    "schedule": "constant",
    "patience": 8,
    "precision": "float32",
    "standardises": False,
}
"""What is taken where nothing is said; the batch follows the number of rows."""

BATCHES = 50
SMALLEST_BATCH, LARGEST_BATCH = 16, 256
"""A pass has about so many batches, none smaller or larger than these."""

LEAST_ROWS_TO_STOP_EARLY = 40
"""With fewer rows none are spared to validate by."""


@dataclass(frozen=True, slots=True)
class NetworkCore:
    """A trained network as a core.

    Attributes:
        network: the network.
        link: what its outputs are: `value` or `logit`.
    """

    network: TrainedNetwork
    link: str

    def raw(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Its outputs."""
        return self.network.raw(features)

    def onnx(self) -> bytes:
        """The network as ONNX."""
        return self.network.onnx()


@dataclass(frozen=True, slots=True)
class NetworkEstimator:
    """A dense network; its settings are those of `DEFAULTS`, and `batch_size`."""

    name: str = "mlp"
    takes_missing: bool = False

    def fit(self, examples: Examples, settings: Settings, seed: int, pause: Pause) -> NetworkCore:
        """Train it; equal input gives equal bytes.

        Raises:
            InvalidInput: a setting is not usable, or a feature is missing.
            WorkFailed: it does not converge.
            Unavailable: PyTorch is not installed.
        """
        unknown = sorted(set(settings) - {*DEFAULTS, "batch_size"})
        if unknown:
            raise InvalidInput(f"mlp has no setting {unknown[0]!r}: take {', '.join(DEFAULTS)}")
        asked = {**DEFAULTS, "batch_size": _batch(len(examples.features)), **settings}
        if len(examples.features) < LEAST_ROWS_TO_STOP_EARLY:
            asked["patience"] = 0
        structure = Dense(
            layers=layers_in(str(asked["layers"])),
            activation=str(asked["activation"]),
            dropout=float(asked["dropout"]),
        )
        rows = NetworkRows(
            features=examples.features,
            target=examples.target,
            weights=examples.weights,
            classes=examples.classes,
        )
        trained = train_network(
            structure, rows, _training(asked, examples.classes, seed), Attendance(pause=pause)
        )
        return NetworkCore(trained, "logit" if examples.classes else "value")


def layers_in(text: str) -> tuple[int, ...]:
    """Units of each hidden layer from `128,64`; none from an empty text.

    Raises:
        InvalidInput: it is no such list.
    """
    try:
        return tuple(int(one) for one in text.split(",") if one.strip())
    except ValueError as wrong:
        raise InvalidInput(
            f"layers is {text!r}: write the units of each hidden layer, as 128,64"
        ) from wrong


def _batch(rows: int) -> int:
    """A power of two, so that a pass has about as many batches whatever the rows."""
    wanted = 1 << max(0, (rows // BATCHES).bit_length() - 1)
    return min(LARGEST_BATCH, max(SMALLEST_BATCH, wanted))


def _training(asked: Settings, classes: int, seed: int) -> NetworkSettings:
    return NetworkSettings(
        loss="cross-entropy" if classes else "mse",
        optimizer=str(asked["optimizer"]),
        l1=float(asked["l1"]),
        l2=float(asked["l2"]),
        epochs=int(asked["epochs"]),
        batch_size=int(asked["batch_size"]),
        learning_rate=float(asked["learning_rate"]),
        schedule=str(asked["schedule"]),
        patience=int(asked["patience"]),
        precision=str(asked["precision"]),
        seed=seed,
        standardises=bool(asked["standardises"]),
    )
