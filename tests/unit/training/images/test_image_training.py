"""The task `image-classification` on images small enough to learn in a moment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.data.datasets import Datasets
from lichen.data.options import IngestOptions
from lichen.protocol.training import ImageClassificationTraining, NetworkOptions
from lichen.serving.pipelines import PipelineAdapter
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import MemoryDocuments
from lichen.training.images.study import ImageStudy, study_of
from lichen.training.images.task import train_images
from lichen.training.materials import Materials
from lichen.training.result import TrainingResult
from lichen.training.watch import NoGauge, NoWatch, Watch

pytest.importorskip("torch", reason="PyTorch comes with the extra `torch`")

QUICK = NetworkOptions(epochs=6, batch_size=16)
Make = Callable[..., Materials]


def _bars(count: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.str_]]:
    """Bars that stand, lie, or cross, in noise."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 60, (count, 8, 8), dtype=np.uint8)
    kinds = np.arange(count) % 3
    for image, kind, at in zip(images, kinds, random.integers(1, 7, count), strict=True):
        if kind != 1:
            image[:, at] = 220
        if kind != 0:
            image[at, :] = 220
    return images, np.array(["stands", "lies", "crosses"])[kinds]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """What a training works with, of arrays."""

    def made(watch: Watch | None = None, **arrays: NDArray[Any]) -> Materials:
        datasets = Datasets(MemoryDocuments(), LocalBlobs(tmp_path / "blobs"), ManualClock())
        file = tmp_path / "bars.npz"
        np.savez(file, allow_pickle=True, **arrays)
        version = datasets.ingest("bars", file, IngestOptions())
        return Materials(
            dataset=version,
            rows=lambda columns, until=None: datasets.read(version, columns, until),
            file=lambda: datasets.file(version),
            watch=watch or NoWatch(),
            gauge=NoGauge(),
            scratch=tmp_path,
        )

    return made


def _asked(**more: Any) -> ImageClassificationTraining:  # noqa: ANN401
    return ImageClassificationTraining(data="bars", **{"network": QUICK, **more})


def _metric(result: TrainingResult, name: str) -> float:
    return next(one.value for one in result.metrics if (one.name, one.split) == (name, "test"))


def test_pixels_of_any_height_become_the_class_its_probabilities_and_a_set(make: Make) -> None:
    images, labels = _bars(180)
    materials = make(images=images, labels=labels)
    result = train_images(_asked(algorithm="cnn"), materials)
    assert (result.algorithm, [one.algorithm for one in result.candidates]) == (
        "cnn",
        ["linear", "cnn"],
    )
    assert _metric(result, "accuracy") > 0.9
    assert all(one.low is None or one.low <= one.value <= (one.high or 0) for one in result.metrics)
    fresh, truth = _bars(30, seed=9)
    predictor = PipelineAdapter().load(dict(result.files), result.signature)
    answer = predictor.predict(Batch({"image": fresh[..., None]})).arrays
    assert [one.decode() for one in answer["prediction"]] == truth.tolist()
    np.testing.assert_allclose(answer["probability"].sum(axis=1), 1.0, atol=1e-6)
    assert answer["in_set"].shape == (30, 3)
    shown = predictor.signature.inputs[0]
    assert (shown.name, shown.datatype, shown.shape) == ("image", "UINT8", (-1, 8, 8, 1))
    predictor.close()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(make: Make) -> None:
    images, labels = _bars(60)
    quick = NetworkOptions(epochs=1, batch_size=16)
    asked = _asked(algorithm="resnet", augment=["flip", "noise"], network=quick)
    first, second = (train_images(asked, make(images=images, labels=labels)) for _ in range(2))
    assert first.files == second.files
    other = _asked(algorithm="resnet", augment=["flip", "noise"], network=quick, seed=1)
    assert train_images(other, make(images=images, labels=labels)).files != first.files


def test_two_classes_are_told_apart_by_one_column(make: Make) -> None:
    images, labels = _bars(120)
    two = labels != "crosses"
    result = train_images(_asked(algorithm="linear"), make(images=images[two], labels=labels[two]))
    predictor = PipelineAdapter().load(dict(result.files), result.signature)
    answer = predictor.predict(Batch({"image": images[two][:4, ..., None]})).arrays
    assert answer["probability"].shape == (4, 2)
    predictor.close()


class _Stopping(NoWatch):
    """Cancels when so many reports were made."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    @property
    def cancelled(self) -> bool:
        return len(self.seen) >= self.after

    @property
    def wants_checkpoint(self) -> bool:
        return True


def test_a_training_that_was_stopped_goes_on_and_gives_the_same_bytes(make: Make) -> None:
    images, labels = _bars(60)
    asked = _asked(algorithm="cnn")
    watch = _Stopping(after=12)
    with pytest.raises(WorkFailed, match="cancelled"):
        train_images(asked, make(watch, images=images, labels=labels))
    watch.after = 10**6
    resumed = train_images(asked, make(watch, images=images, labels=labels))
    whole = train_images(asked, make(images=images, labels=labels))
    assert resumed.files == whole.files


def _study(make: Make, asked: ImageClassificationTraining, **arrays: NDArray[Any]) -> ImageStudy:
    return study_of(asked, make(**arrays))


def test_equal_images_never_stand_on_both_sides_of_a_split(make: Make) -> None:
    images, labels = _bars(90)
    twice = np.concatenate([images, images]), np.concatenate([labels, labels])
    study = _study(make, _asked(), images=twice[0], labels=twice[1])
    fold = study.folds[0]
    sides = [
        {study.pixels[row].tobytes() for row in rows} for rows in (fold.fit, fold.held, study.test)
    ]
    assert len(set.union(*sides)) == sum(map(len, sides)) == 90
    assert sum(map(len, (fold.fit, fold.held, study.test))) == 180


def test_a_split_that_was_given_is_kept_without_images_that_were_trained_on(make: Make) -> None:
    images, labels = _bars(60)
    fresh, their = _bars(12, seed=5)
    study = _study(
        make,
        _asked(),
        x_train=images,
        y_train=labels,
        x_test=np.concatenate([fresh, images[:3]]),
        y_test=np.concatenate([their, labels[:3]]),
    )
    assert len(study.test) == 12
    assert study.notes == ("3 images of the test stand in training too: they are not scored on",)
    assert len(study.known) == 60


def test_folds_cover_every_known_image_once(make: Make) -> None:
    images, labels = _bars(60)
    study = _study(make, _asked(cv=3, test_share=0.0), images=images, labels=labels)
    held = np.concatenate([fold.held for fold in study.folds])
    assert sorted(held.tolist()) == list(range(60))
    assert len(study.test) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"test_share": 1.0}, "test_share 1 is no share"),
        ({"confidence": 0.2}, "confidence 0.2 is no confidence"),
        ({"search": 0}, "search 0 makes no trial"),
        ({"cv": 1}, "1 folds are no cross-validation"),
        ({"image": "label"}, "column 'label' holds text, not images"),
        ({"target": "image"}, "column 'image' holds images"),
        ({"target": "class"}, "has no column 'class'"),
        ({"test_split": "label"}, "says of no row"),
        ({"augment": ["turn"]}, "augment 'turn' is unknown"),
        ({"algorithm": "forest"}, "'forest' is unknown: take auto, linear, mlp, cnn"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(
    make: Make, options: dict[str, Any], said: str
) -> None:
    images, labels = _bars(60)
    with pytest.raises(InvalidInput, match=said):
        train_images(_asked(**options), make(images=images, labels=labels))


def test_one_class_and_classes_of_few_images_are_refused(make: Make) -> None:
    images, labels = _bars(60)
    with pytest.raises(InvalidInput, match="every image is of the class 'stands'"):
        _study(make, _asked(), images=images[:20], labels=labels[:1].repeat(20))
    with pytest.raises(InvalidInput, match=r"60 of 60 classes have fewer than 4 images \(0, 1,"):
        _study(make, _asked(), images=images, labels=np.arange(60))


def test_images_that_a_transformer_cannot_cut_are_refused_with_a_size_that_fits(make: Make) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 17, 17), dtype=np.uint8)
    with pytest.raises(InvalidInput, match="--size 24x24"):
        train_images(_asked(algorithm="transformer"), make(images=images, labels=np.arange(40) % 2))
