"""A picture, or a folder of them, as the input of a deployment that takes pixels."""

from pathlib import Path

import numpy as np

from lichen.client.connection import Lichen
from lichen.client.inference import Answer
from lichen.core.errors import InvalidInput, TooLarge
from lichen.core.plugins import load_object
from lichen.core.tensors import Datatype
from lichen.data.images.folders import PICTURES
from lichen.data.images.gallery import Pixels
from lichen.protocol.oip import ModelMetadata, TensorMetadata

MOST_PICTURES = 1_000
MOST_PIXELS = 1 << 24
MOST_BYTES = 1 << 24
"""Of a request."""

_PICTURES = "lichen.data.images.pictures"
_SIDES, _COLOURS = 4, (1, 3)


def answer_to_pictures(
    platform: Lichen, metadata: ModelMetadata, deployment: str, path: Path
) -> tuple[Answer, list[str]]:
    """What is answered to a picture or to all of a folder, and their names in the same order.

    A picture of another size is brought to that of the model.

    Raises:
        InvalidInput: one cannot be read, or the deployment takes no images.
        TooLarge: the folder holds too many.
    """
    taken, pixels, files = pixels_of(metadata, path)
    return platform.predict(deployment, {taken: pixels}), [_name(one, path) for one in files]


def pixels_of(metadata: ModelMetadata, path: Path) -> tuple[str, Pixels, list[Path]]:
    """The input that takes pictures, the pixels of one or of all of a folder, and their files.

    Raises:
        InvalidInput: one cannot be read, or the deployment takes no images.
        TooLarge: the folder holds too many.
    """
    files = _files(path)
    taken, is_last = _image_input(metadata)
    if len(files) > 1 and taken.shape[0] == 1:
        raise InvalidInput(f"{metadata.name} takes one picture at a time: name one of {path}")
    height, width, channels = taken.shape[1:] if is_last else (*taken.shape[2:], taken.shape[1])
    size = None if min(height, width) < 1 else (width, height)
    if size is not None and len(files) * height * width * channels > MOST_BYTES:
        raise _too_much(path)
    pixels = _pixels(files, size, channels, path)
    return taken.name, pixels if is_last else np.moveaxis(pixels, -1, 1), files


def _too_much(path: Path) -> TooLarge:
    return TooLarge(
        f"the pictures of {path} are more than {MOST_BYTES:,} bytes for the model: name a part "
        "of them"
    )


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.rglob("*") if one.suffix.lower() in PICTURES)
    if not found:
        raise InvalidInput(f"{path} holds no picture ({', '.join(PICTURES)}): name another folder")
    if len(found) > MOST_PICTURES:
        raise TooLarge(
            f"{path} holds {len(found):,} pictures, and {MOST_PICTURES:,} are answered at once: "
            "name a part of them"
        )
    return found


def _image_input(metadata: ModelMetadata) -> tuple[TensorMetadata, bool]:
    """The input that takes the bytes of pictures, and whether their colours are its last side."""
    for one in metadata.inputs:
        if one.datatype == Datatype.UINT8 and len(one.shape) == _SIDES:
            if one.shape[3] in _COLOURS:
                return one, True
            if one.shape[1] in _COLOURS:
                return one, False
    named = ", ".join(f"{one.name} {one.datatype} {list(one.shape)}" for one in metadata.inputs)
    is_of_floats = any(
        one.datatype.startswith("FP") and len(one.shape) == _SIDES for one in metadata.inputs
    )
    if is_of_floats:
        raise InvalidInput(
            f"{metadata.name} takes no images but {named}, and how a picture becomes these numbers "
            "it does not say: give them as it was trained on, as .npy or as a request"
        )
    raise InvalidInput(f"{metadata.name} takes no images but {named}: give a table or a request")


def _pixels(files: list[Path], size: tuple[int, int] | None, channels: int, path: Path) -> Pixels:
    """The pixels of pictures, brought to a size; None: each as large as it is, and all alike.

    Raises:
        InvalidInput: one cannot be read, or they are of several sizes.
        TooLarge: they are more than a request holds.
    """
    try:
        look_at, decode = (load_object(f"{_PICTURES}:{name}") for name in ("look_at", "decode"))
    except ModuleNotFoundError as missing:
        raise InvalidInput(
            "reading pictures needs an extra package: `pip install lichen[images]`"
        ) from missing
    made: list[Pixels] = []
    taken = 0
    for file in files:
        try:
            body = file.read_bytes()
            seen = look_at(body, MOST_PIXELS)
            made.append(decode(body, size or (seen.width, seen.height), channels))
        except OSError as error:
            raise InvalidInput(f"{file} cannot be read ({error.strerror}): check it") from error
        except InvalidInput as failure:
            raise InvalidInput(f"{file} cannot be read: {failure}") from failure
        taken += made[-1].nbytes
        if taken > MOST_BYTES:
            raise _too_much(path)
    if len({one.shape for one in made}) > 1:
        raise InvalidInput("the pictures are of several sizes: name one at a time")
    return np.stack(made)


def _name(file: Path, path: Path) -> str:
    return file.relative_to(path).as_posix() if path.is_dir() else file.name
