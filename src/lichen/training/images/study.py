"""What a training of images works on: pixels, classes, and which rows are for what."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.data.schema import Column, Dtype, Schema
from lichen.evaluation.splits import Fold, folds_of, held_out, spread_again, stratified_positions
from lichen.protocol.training import ImageClassificationTraining
from lichen.training.materials import Materials

SPLIT = "split"
"""Column that datasets of images tell their parts apart by."""
TEST, VALIDATION = "test", "validation"
MANY = 5_000
"""Of so many images a tenth is enough to choose by; of fewer a fifth is held back."""
FEWEST_OF_A_CLASS = 4
"""Images: to fit on, to choose by, and to score on."""
_EXAMPLES = 5

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ImageStudy:
    """Images and what is asked of them.

    Attributes:
        asked: the message.
        fingerprint: names what is asked and the data.
        pixels: uint8 `(images, channels, height, width)`.
        truth: `(images,)` numbers of classes.
        labels: of the classes, in order.
        folds: numbers of rows to fit on, and to choose by.
        test: rows that are scored once.
        notes: what was left out and why, for people.
    """

    asked: ImageClassificationTraining
    fingerprint: str
    pixels: NDArray[np.uint8]
    truth: NDArray[np.int64]
    labels: tuple[str, ...]
    folds: tuple[Fold, ...]
    test: Rows
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        _, channels, height, width = self.pixels.shape
        return channels, height, width

    @property
    def known(self) -> Rows:
        """All rows that may be fitted on."""
        first = self.folds[0]
        return np.sort(np.concatenate([first.fit, first.held]))


def study_of(asked: ImageClassificationTraining, materials: Materials) -> ImageStudy:
    """Read the images and part them.

    Raises:
        InvalidInput: they cannot be trained on; one sentence says why and what to do.
    """
    _check(asked)
    schema = materials.dataset.schema
    image, target, split = _columns(asked, schema)
    names = [image.name, target.name, *([split.name] if split else [])]
    arrays = materials.rows(names).arrays
    labels, truth = _classes(arrays[target.name], target)
    pixels = np.ascontiguousarray(arrays[image.name].transpose(0, 3, 1, 2))
    parts = None if split is None else arrays[split.name]
    positions = _together(stratified_positions(truth, asked.seed), pixels)
    test, notes = _test_rows(asked, positions, parts, pixels)
    folds = _folds(asked, truth, positions, parts, test)
    _check_classes(truth, labels, folds, test)
    said = sha256(msgspec.json.encode(asked) + materials.dataset.parquet_digest.encode())
    return ImageStudy(asked, said.hexdigest(), pixels, truth, labels, folds, test, notes)


def _check(asked: ImageClassificationTraining) -> None:
    if not 0 <= asked.test_share < 1:
        raise InvalidInput(f"test_share {asked.test_share:g} is no share: give 0 or more, under 1")
    if not 0.5 <= asked.confidence < 1:
        raise InvalidInput(
            f"confidence {asked.confidence:g} is no confidence: give 0.5 or more, under 1"
        )
    if asked.search is not None and asked.search < 1:
        raise InvalidInput(f"search {asked.search} makes no trial: ask for 1 or more")
    if asked.cv is not None and asked.cv < 2:
        raise InvalidInput(f"{asked.cv} folds are no cross-validation: ask for 2 or more")


def _columns(
    asked: ImageClassificationTraining, schema: Schema
) -> tuple[Column, Column, Column | None]:
    """Of the images, of their class, and of the part of the data if there is one."""
    image, target = schema.column(asked.image), schema.column(asked.target)
    if image.dtype is not Dtype.IMAGE:
        raise InvalidInput(
            f"column {image.name!r} holds {image.dtype}, not images: add a folder of pictures "
            "with `lichen data add`, or name the column of the images"
        )
    if target.dtype is Dtype.IMAGE:
        raise InvalidInput(f"column {target.name!r} holds images: name the column of their classes")
    if asked.test_split is not None:
        return image, target, schema.column(asked.test_split)
    return image, target, schema.column(SPLIT) if SPLIT in schema.names else None


def _classes(values: NDArray[Any], column: Column) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    if column.dtype is Dtype.TEXT:
        missing = int(sum(value is None for value in values))
        said = ["" if value is None else str(value) for value in values]
    else:
        missing = int(np.isnan(values).sum())
        said = [f"{value:g}" for value in values]
    if missing:
        raise InvalidInput(
            f"column {column.name!r} misses the class of {missing:,} images: add it, or leave "
            "those images out"
        )
    found, numbers = np.unique(np.array(said, dtype=np.str_), return_inverse=True)
    labels = tuple(map(str, found))
    if len(labels) < 2:
        raise InvalidInput(
            f"every image is of the class {labels[0]!r}: there is nothing to tell apart; add "
            "pictures of another class"
        )
    return labels, numbers.reshape(-1).astype(np.int64)


def _together(positions: NDArray[np.float64], pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The same positions, but equal images at that of the first: no split parts them."""
    first = dict[bytes, int]()
    places = [first.setdefault(one.tobytes(), at) for at, one in enumerate(pixels)]
    return np.asarray(positions[np.array(places, dtype=np.int64)])


def _test_rows(
    asked: ImageClassificationTraining,
    positions: NDArray[np.float64],
    parts: NDArray[Any] | None,
    pixels: NDArray[np.uint8],
) -> tuple[Rows, tuple[str, ...]]:
    """Rows to score on; of a split that was given, without images that stand in training too."""
    is_test = None if parts is None else _are_test(parts)
    if is_test is None or (asked.test_split is None and not is_test.any()):
        return held_out(positions, asked.test_share).held, ()
    if not is_test.any() or is_test.all():
        raise InvalidInput(
            f"column {asked.test_split or SPLIT!r} says of {'every' if is_test.all() else 'no'} "
            "row that it is to be scored on: it must be true, or say `test`, of some"
        )
    test = np.flatnonzero(is_test)
    seen = {one.tobytes() for one in pixels[~is_test]}
    is_new = np.array([pixels[row].tobytes() not in seen for row in test])
    if not is_new.any():
        raise InvalidInput(
            "every image to score on stands among those to train on: the score would say nothing; "
            "keep them apart"
        )
    left_out = int((~is_new).sum())
    note = f"{left_out:,} images of the test stand in training too: they are not scored on"
    return test[is_new], (note,) if left_out else ()


def _are_test(parts: NDArray[Any]) -> NDArray[np.bool_]:
    """Rows whose part says `test`, or is true."""
    if parts.dtype.kind == "O":
        return np.array([str(one).strip().lower() in (TEST, "true", "1") for one in parts])
    return np.asarray(parts == 1)


def _folds(
    asked: ImageClassificationTraining,
    truth: NDArray[np.int64],
    positions: NDArray[np.float64],
    parts: NDArray[Any] | None,
    test: Rows,
) -> tuple[Fold, ...]:
    is_known = np.ones(len(truth), dtype=bool)
    is_known[test] = False
    if parts is not None:
        is_known &= ~_are_test(parts)
    known = np.flatnonzero(is_known)
    if len(known) < 2:
        raise InvalidInput("too few images are left to train on: add some, or score on fewer")
    if asked.cv is not None:
        folds = folds_of(spread_again(positions[known]), asked.cv)
        return tuple(Fold(known[one.fit], known[one.held]) for one in folds)
    given = _given_validation(parts, known)
    if given is not None:
        return (given,)
    share = 0.1 if len(known) >= MANY else 0.2
    one = held_out(spread_again(positions[known]), share)
    return (Fold(known[one.fit], known[one.held]),)


def _given_validation(parts: NDArray[Any] | None, known: Rows) -> Fold | None:
    """The part called `validation`, where there is one."""
    if parts is None or parts.dtype.kind != "O":
        return None
    is_held = np.array([str(one).strip().lower() == VALIDATION for one in parts[known]])
    if not is_held.any() or is_held.all():
        return None
    return Fold(known[~is_held], known[is_held])


def _check_classes(
    truth: NDArray[np.int64], labels: Sequence[str], folds: Sequence[Fold], test: Rows
) -> None:
    """Refuse classes with too few images to learn them from."""
    counts = np.bincount(truth, minlength=len(labels))
    rare = [label for label, count in zip(labels, counts, strict=True) if count < FEWEST_OF_A_CLASS]
    if rare:
        listed = ", ".join(rare[:_EXAMPLES]) + (", ..." if len(rare) > _EXAMPLES else "")
        raise InvalidInput(
            f"{len(rare):,} of {len(labels):,} classes have fewer than {FEWEST_OF_A_CLASS} images "
            f"({listed}): add more of them, or leave these classes out"
        )
    for fold in folds:
        unseen = set(range(len(labels))) - set(truth[fold.fit].tolist())
        if unseen:
            named = ", ".join(labels[one] for one in sorted(unseen)[:_EXAMPLES])
            raise InvalidInput(
                f"no image of class {named} is left to train on: add more of it, hold fewer back "
                f"(test_share), or keep some out of the {len(test):,} images to score on"
            )
