"""Tiny networks: they learn, give the same bytes, go on where they were cut off, and refuse."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.networks.architecture import (
    Architecture,
    Convolutional,
    Dense,
    Residual,
    Transformer,
)
from lichen.frameworks.networks.rows import NetworkRows
from lichen.frameworks.networks.settings import NetworkSettings
from lichen.frameworks.networks.training import Attendance, train_network
from lichen.frameworks.networks.unfinished import MemoryNursery
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import INPUT, OUTPUT

QUICK = NetworkSettings(epochs=3, batch_size=16, learning_rate=3e-3)


def numbers(rows: int = 96, targets: int = 1) -> NetworkRows:
    random = np.random.default_rng(4)
    features = random.normal(size=(rows, 12)).astype(np.float32)
    slopes = random.normal(size=(12, targets))
    target = 20.0 + 5.0 * (features @ slopes) + random.normal(size=(rows, targets))
    return NetworkRows(features=features, target=target[:, 0] if targets == 1 else target)


def pictures(rows: int = 40) -> NetworkRows:
    random = np.random.default_rng(5)
    target = random.integers(0, 3, rows).astype(np.float64)
    features = random.normal(size=(rows, 2, 8, 8)).astype(np.float32)
    features += target[:, None, None, None].astype(np.float32)
    return NetworkRows(features=features, target=target, classes=3)


STRUCTURES: list[tuple[Architecture, NetworkRows, str]] = [
    *(
        (Dense(layers=(8,), activation=name, dropout=0.3), numbers(), "mse")
        for name in ("relu", "tanh", "gelu", "sigmoid", "elu", "leaky-relu")
    ),
    (Dense(layers=(), has_shortcut=True), numbers(targets=3), "mse"),
    (
        Transformer(patch=4, window=8, width=8, heads=2, depth=1, has_shortcut=True),
        numbers(),
        "mse",
    ),
    (Transformer(patch=4, window=12, width=8, heads=2, depth=1), numbers(), "mse"),
    (Convolutional(channels=(3,), depth=1, layers=(5,), dropout=0.1), pictures(), "cross-entropy"),
    (Residual(channels=(3, 4), dropout=0.1), pictures(), "cross-entropy"),
    (Transformer(patch=4, width=8, heads=2, depth=1, dropout=0.1), pictures(), "cross-entropy"),
]


@pytest.mark.parametrize(("structure", "rows", "loss"), STRUCTURES)
def test_what_is_written_as_onnx_answers_as_pytorch_does(
    structure: Architecture, rows: NetworkRows, loss: str
) -> None:
    settings = replace(QUICK, loss=loss, epochs=1, standardises=True)
    trained = train_network(structure, rows, settings)
    here = trained.raw(rows.features)
    served = OnnxPredictor(trained.onnx()).predict(Batch({INPUT: rows.features}))[OUTPUT]
    assert served.shape == here.shape
    assert np.allclose(served, here, rtol=1e-5, atol=1e-5 * np.abs(here).max())


def test_training_makes_the_loss_small_and_the_same_seed_gives_the_same_bytes() -> None:
    settings = replace(QUICK, epochs=12, optimizer="adamw", l2=1e-4)
    structure = Dense(layers=(16,), dropout=0.1)
    trained = train_network(structure, numbers(), settings)
    assert trained.losses[-1] < 0.5 * trained.losses[0]
    assert train_network(structure, numbers(), settings).onnx() == trained.onnx()
    assert train_network(structure, numbers(), replace(settings, seed=1)).onnx() != trained.onnx()


class _Cut(Exception):
    """The training was cut off."""


@pytest.mark.parametrize(
    ("optimizer", "pauses"), [("sgd", 1), ("momentum", 2), ("adam", 3), ("adamw", 5)]
)
def test_a_training_that_was_cut_off_goes_on_and_ends_with_the_same_bytes(
    optimizer: str, pauses: int
) -> None:
    settings = replace(
        QUICK, optimizer=optimizer, batch_size=4, patience=2, learning_rate=1e-2, schedule="cosine"
    )
    structure = Dense(layers=(8,), dropout=0.2)
    whole = train_network(structure, numbers(), settings)
    nursery = MemoryNursery({})
    left = [pauses]

    def pause() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise _Cut

    with pytest.raises(_Cut):
        train_network(structure, numbers(), settings, Attendance(pause=pause, nursery=nursery))
    assert len(nursery.bodies) == 1
    resumed = train_network(structure, numbers(), settings, Attendance(nursery=nursery))
    assert resumed.onnx() == whole.onnx()
    assert resumed.losses == whole.losses
    assert resumed.validation_losses == whole.validation_losses


def test_a_training_that_was_done_is_taken_as_it_was_kept_without_a_step() -> None:
    nursery = MemoryNursery({}, is_keen=False)
    first = train_network(Dense(layers=(4,)), numbers(), QUICK, Attendance(nursery=nursery))
    passes: list[int] = []
    again = train_network(
        Dense(layers=(4,)),
        numbers(),
        QUICK,
        Attendance(nursery=nursery, on_epoch=lambda epoch, *_: passes.append(epoch)),
    )
    assert passes == []
    assert again.onnx() == first.onnx()


def test_what_was_kept_of_other_rows_or_is_damaged_is_not_taken() -> None:
    nursery = MemoryNursery({}, is_keen=False)
    train_network(Dense(layers=(4,)), numbers(), QUICK, Attendance(nursery=nursery))
    key, body = nursery.bodies.popitem()
    nursery.bodies[key] = body[: len(body) // 2]
    passes: list[int] = []
    attendance = Attendance(nursery=nursery, on_epoch=lambda epoch, *_: passes.append(epoch))
    train_network(Dense(layers=(4,)), numbers(), QUICK, attendance)
    train_network(Dense(layers=(4,)), numbers(rows=50), QUICK, attendance)
    assert passes == [1, 2, 3] * 2


def test_training_stops_early_and_keeps_the_best_weights_it_validated() -> None:
    rows = numbers(rows=24)
    random = np.random.default_rng(0)
    noise = NetworkRows(features=rows.features, target=random.normal(size=24))
    settings = replace(QUICK, epochs=60, patience=2, learning_rate=0.03, validation_share=0.4)
    trained = train_network(Dense(layers=(32,)), noise, settings)
    assert trained.stopped_early
    assert trained.epochs < 60
    assert trained.epochs - trained.best_epoch == 2
    short = replace(settings, epochs=trained.best_epoch, patience=60)
    assert train_network(Dense(layers=(32,)), noise, short).onnx() == trained.onnx()


def test_without_hidden_layers_it_finds_the_least_squares_solution() -> None:
    rows = numbers(rows=60)
    settings = NetworkSettings(
        optimizer="momentum", batch_size=60, epochs=200, learning_rate=0.1, standardises=True
    )
    trained = train_network(Dense(layers=()), rows, settings)
    design = np.column_stack([rows.features, np.ones(60)])
    exact = design @ np.linalg.lstsq(design, rows.target, rcond=None)[0]
    assert np.allclose(trained.raw(rows.features)[:, 0], exact, atol=1e-3 * rows.target.std())


def test_l1_makes_weights_exactly_nothing_and_l2_makes_them_smaller() -> None:
    settings = replace(QUICK, epochs=20, optimizer="sgd", learning_rate=0.05)

    def weights(asked: NetworkSettings) -> NDArray[np.float32]:
        return train_network(Dense(layers=()), numbers(), asked).weights["0.weight"]

    plain = weights(settings)
    assert np.count_nonzero(weights(replace(settings, l1=0.2)) == 0) > 0
    assert np.count_nonzero(plain == 0) == 0
    assert np.linalg.norm(weights(replace(settings, l2=0.3))) < 0.9 * np.linalg.norm(plain)


def test_of_two_classes_one_logit_and_weights_move_it() -> None:
    random = np.random.default_rng(1)
    features = random.normal(size=(80, 2)).astype(np.float32)
    target = (features[:, 0] + 0.5 * random.normal(size=80) > 0).astype(np.float64)
    rows = NetworkRows(features=features, target=target, classes=2)
    settings = replace(QUICK, loss="cross-entropy", epochs=20, learning_rate=0.05)
    plain = train_network(Dense(layers=()), rows, settings).raw(features)
    assert plain.shape == (80, 1)
    assert np.mean((plain[:, 0] > 0) == target) > 0.75
    heavy = replace(rows, weights=np.where(target == 1, 1.9, 0.1))
    assert train_network(Dense(layers=()), heavy, settings).raw(features).mean() > plain.mean() + 1


def test_the_quantile_loss_learns_quantiles_in_the_unit_of_the_target() -> None:
    random = np.random.default_rng(2)
    target = 50 + 10 * random.normal(size=(600, 2))
    rows = NetworkRows(features=np.zeros((600, 1), dtype=np.float32), target=target)
    settings = NetworkSettings(
        loss="quantile", levels=(0.1, 0.5, 0.9), epochs=30, learning_rate=0.04, schedule="cosine"
    )
    raw = train_network(Dense(layers=()), rows, settings).raw(rows.features)[0].reshape(2, 3)
    for column, found in enumerate(raw):
        assert np.allclose(found, np.quantile(target[:, column], (0.1, 0.5, 0.9)), atol=1.5)


def test_bfloat16_learns_all_but_what_float32_does() -> None:
    settings = replace(QUICK, epochs=20)
    exact = train_network(Dense(layers=(16,)), numbers(), settings)
    rounded = train_network(Dense(layers=(16,)), numbers(), replace(settings, precision="bfloat16"))
    assert rounded.onnx() != exact.onnx()
    spread = numbers().target.std()
    assert np.abs(rounded.raw(numbers().features) - exact.raw(numbers().features)).max() < (
        0.15 * spread
    )


def test_an_augmentation_sees_each_batch_and_what_it_draws_is_the_same_each_time() -> None:
    seen: list[tuple[int, ...]] = []

    def noisy(batch: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
        seen.append(batch.shape)
        return batch + random.normal(0, 0.1, batch.shape).astype(np.float32)

    attendance = Attendance(augment=noisy)
    first = train_network(Dense(layers=(4,)), numbers(), QUICK, attendance)
    assert seen == [(16, 12)] * 18
    assert train_network(Dense(layers=(4,)), numbers(), QUICK, attendance).onnx() == first.onnx()
    assert train_network(Dense(layers=(4,)), numbers(), QUICK).onnx() != first.onnx()


@pytest.mark.parametrize(
    ("structure", "said"),
    [
        (Dense(activation="swish"), "activation 'swish' is unknown: take relu"),
        (Dense(dropout=1.0), "dropout is 1: it is a share"),
        (Dense(layers=(8, 0)), "layers holds 0: each is at least 1"),
        (Convolutional(), "are no images"),
        (Transformer(patch=5, window=8), "a patch of 5 does not divide 8"),
        (Transformer(patch=4, window=40), "a window of 40 steps does not fit rows of 12"),
        (Transformer(patch=4, window=8, width=10, heads=4), "does not part into 4 heads"),
    ],
)
def test_a_structure_that_cannot_be_is_refused(structure: Architecture, said: str) -> None:
    with pytest.raises(InvalidInput, match=said.replace("(", r"\(")):
        train_network(structure, numbers(), QUICK)


@pytest.mark.parametrize(
    ("structure", "said"),
    [
        (Convolutional(channels=(2,) * 5), "too small for so many stages"),
        (Transformer(patch=3), "a patch of 3 does not divide 8x8"),
        (Convolutional(channels=()), "channels is empty"),
    ],
)
def test_a_structure_that_does_not_fit_its_images_is_refused(
    structure: Architecture, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        train_network(structure, pictures(), replace(QUICK, loss="cross-entropy"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"optimizer": "lion"}, "optimizer 'lion' is unknown: take sgd, momentum, adam, adamw"),
        ({"schedule": "warm"}, "schedule 'warm' is unknown"),
        ({"loss": "hinge"}, "loss 'hinge' is unknown"),
        ({"precision": "float8"}, "precision 'float8' is unknown"),
        ({"epochs": 0}, "epochs is 0: take at least 1"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"patience": -1}, "patience is -1"),
        ({"l1": -1.0}, "l1 is -1: take 0 or more"),
        ({"l2": float("nan")}, "l2 is nan"),
        ({"learning_rate": 0.0}, "learning_rate is 0: take more than 0"),
        ({"validation_share": 1.0}, "validation_share is 1"),
        ({"loss": "quantile"}, "has no levels"),
        ({"loss": "quantile", "levels": (1.5,)}, "not between 0 and 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(changed: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        train_network(Dense(), numbers(), replace(QUICK, **changed))  # type: ignore[arg-type]


def test_rows_that_cannot_be_trained_on_are_refused() -> None:
    rows = numbers(rows=8)
    gap = rows.features.copy()
    gap[3, 3] = np.nan
    wrong = [
        (replace(rows, features=gap), "missing or not finite"),
        (replace(rows, target=rows.target[:3]), "another number of targets"),
        (rows.taken(np.arange(0)), "no rows"),
        (replace(rows, target=np.full(8, 5.0), classes=3), "not a class from 0 to 2"),
    ]
    for given, said in wrong:
        with pytest.raises(InvalidInput, match=said):
            train_network(Dense(layers=(4,)), given, QUICK)
    with pytest.raises(InvalidInput, match="one row cannot be parted"):
        train_network(Dense(), numbers(rows=1), replace(QUICK, patience=2))


def test_a_learning_rate_that_diverges_says_to_lower_it() -> None:
    settings = replace(QUICK, optimizer="sgd", learning_rate=1e6, epochs=8)
    with pytest.raises(InvalidInput, match=r"lower the learning rate \(1e\+06\)"):
        train_network(Dense(layers=(16, 16)), numbers(), settings)
