"""A dense neural network in the portfolio, trained by PyTorch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Examples, FittedCore, Pause, Settings
from lichen.frameworks.estimators.rows import (
    ABSENT,
    Rows,
    check_settings,
    checked,
    number_in,
    whole_in,
)
from lichen.frameworks.networks.architecture import Dense
from lichen.frameworks.networks.layers import Linear
from lichen.frameworks.networks.network import TrainedNetwork
from lichen.frameworks.networks.rows import NetworkRows
from lichen.frameworks.networks.settings import NetworkSettings
from lichen.frameworks.networks.training import Attendance, train_network

DEFAULTS: Mapping[str, float | int | str | bool] = {
    "layers": "64,32",
    "activation": "relu",
    "dropout": 0.0,
    "l1": 0.0,
    "l2": 1e-4,
    "optimizer": "adam",
    "epochs": 100,
    "learning_rate": 3e-3,
    "schedule": "constant",
    "patience": 8,
    "precision": "float32",
}
"""What is taken where nothing is said; the batch follows the number of rows."""

BATCHES = 50
SMALLEST_BATCH, LARGEST_BATCH = 16, 256
"""A pass has about so many batches, none smaller or larger than these."""

LEAST_ROWS_TO_STOP_EARLY = 200
"""With fewer rows none are spared to validate by, and there are fewer passes."""

PASSES_OF_FEW = 40


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


class Mlp:
    """A multi-layer perceptron on standardised features; on few rows a short training.

    Settings: `layers` as `128,64`, `activation`, `dropout`, `l1`, `l2`, `optimizer`, `epochs`,
    `batch_size`, `learning_rate`, `schedule`, `patience`, `precision`: see
    `networks.settings.NetworkSettings`.
    """

    name = "mlp"
    takes_missing = False

    def fit(self, examples: Examples, settings: Settings, seed: int, pause: Pause) -> FittedCore:
        """Train it; equal input gives equal bytes.

        Raises:
            InvalidInput: a setting is not usable, these rows cannot be fitted on, or it does not
                converge.
            Unavailable: PyTorch is not installed.
        """
        check_settings(settings, (*DEFAULTS, "batch_size"))
        rows = checked(examples)
        asked = {**DEFAULTS, **_for_few(len(rows.target)), **settings}
        structure = Dense(
            layers=layers_in(str(asked["layers"])),
            activation=str(asked["activation"]),
            dropout=number_in(asked, "dropout", 0.0),
        )
        given = NetworkRows(
            features=rows.features,
            target=rows.target,
            weights=rows.weights,
            classes=len(rows.present),
        )
        training = _training(asked, rows, seed)
        trained = train_network(structure, given, training, Attendance(pause=pause))
        if rows.classes:
            return NetworkCore(_of_every_class(trained, rows), "logit")
        return NetworkCore(trained, "value")


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


def _for_few(rows: int) -> Settings:
    """What differs where there are few rows, and the batch that suits their number."""
    wanted = 1 << max(0, (rows // BATCHES).bit_length() - 1)
    batch = min(LARGEST_BATCH, max(SMALLEST_BATCH, wanted))
    if rows >= LEAST_ROWS_TO_STOP_EARLY:
        return {"batch_size": batch}
    return {"batch_size": batch, "patience": 0, "epochs": PASSES_OF_FEW, "schedule": "cosine"}


def _training(asked: Settings, rows: Rows, seed: int) -> NetworkSettings:
    return NetworkSettings(
        loss="cross-entropy" if rows.classes else "mse",
        optimizer=str(asked["optimizer"]),
        l1=number_in(asked, "l1", 0.0),
        l2=number_in(asked, "l2", 0.0),
        epochs=whole_in(asked, "epochs", 1),
        batch_size=whole_in(asked, "batch_size", 1),
        learning_rate=number_in(asked, "learning_rate", 0.0),
        schedule=str(asked["schedule"]),
        patience=whole_in(asked, "patience", 0, 0),
        precision=str(asked["precision"]),
        seed=seed,
        standardises=True,
    )


def _of_every_class(trained: TrainedNetwork, rows: Rows) -> TrainedNetwork:
    """The same network with an output for each class; those that no row has are never answered."""
    if len(rows.present) == rows.classes:
        return trained
    last = f"{len(trained.layers) - 1}."
    weight, bias = trained.weights[f"{last}weight"], trained.weights[f"{last}bias"]
    spoken = list(rows.present[len(rows.present) - len(bias) :])
    spread = np.zeros((rows.classes, weight.shape[1]), dtype=np.float32)
    usual = np.full(rows.classes, ABSENT, dtype=np.float32)
    usual[list(rows.present)] = 0.0  # of two classes the first is the 0 of the other
    spread[spoken], usual[spoken] = weight, bias
    return replace(
        trained,
        layers=(*trained.layers[:-1], Linear(rows.classes)),
        weights={**trained.weights, f"{last}weight": spread, f"{last}bias": usual},
    )
