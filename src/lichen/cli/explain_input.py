"""What `lichen explain` takes beside tables: pictures, tensors, a forecast's newest rows."""

from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import prod
from pathlib import Path
from typing import Any

import click
import msgspec

from lichen.client.connection import Lichen
from lichen.core.errors import InvalidInput, StorageFailed
from lichen.core.plugins import load_object
from lichen.data.images.folders import PICTURES
from lichen.protocol.explaining import Explanation
from lichen.protocol.oip import ModelMetadata

FORMS = {".svg": "svg", ".png": "png"}
"""Of pictures to write, by the ending of their file."""


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    data: list[Any] | float | str


class _Request(msgspec.Struct):
    inputs: list[_Tensor]


def picture_form(file: Path | None) -> str | None:
    """The form of the picture that is to be written.

    Raises:
        InvalidInput: its name ends otherwise.
    """
    if file is None:
        return None
    if file.suffix.lower() not in FORMS:
        raise InvalidInput(f"{file} is no picture that is written here: name it .svg or .png")
    return FORMS[file.suffix.lower()]


def is_picture(file: Path) -> bool:
    """Whether it is a picture, or a folder of them."""
    return file.is_dir() or file.suffix.lower() in PICTURES


def picture_rows(metadata: ModelMetadata, file: Path) -> Sequence[object]:
    """The pixels of a picture, or of all of a folder, as the deployment takes them.

    Raises:
        InvalidInput: one cannot be read, or the deployment takes no pictures.
    """
    pixels_of = load_object("lichen.cli.picture_input:pixels_of")
    pixels: Sequence[object] = pixels_of(metadata, file)[1]
    return pixels


def tensors_of_request(said: Mapping[str, object]) -> dict[str, object]:
    """The tensors of an Open Inference Protocol request by name, nested as their shapes say.

    They need have no common number of rows: a state and a rate stand beside what is heard.

    Raises:
        InvalidInput: it is none, or a tensor has not the shape that it says.
    """
    try:
        request = msgspec.convert(said, _Request)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the request's inputs cannot be read: {error}") from error
    if not request.inputs:
        raise InvalidInput("the request has no inputs: give each by name, shape and data")
    tensors = {}
    for one in request.inputs:
        values = list(_flat(one.data))
        if len(values) != prod(one.shape) or any(side < 1 for side in one.shape):
            raise InvalidInput(
                f"input {one.name!r} has {len(values)} values, and its shape {one.shape} holds "
                f"{prod(one.shape)}: correct it"
            )
        tensors[one.name] = _nested(values, one.shape) if one.shape else values[0]
    return tensors


def newest_rows(platform: Lichen, deployment: str, start: datetime | None) -> dict[str, object]:
    """What a forecaster would forecast from: its dataset's rows before `start`, or the newest.

    Raises:
        InvalidInput: the deployment forecasts nothing, so it needs rows.
    """
    newest = platform.deployments.newest_input(deployment, start)
    return tensors_of_request(newest.request)


def write_pictures(found: Explanation, file: Path) -> None:
    """Write the picture of each row; of several, the number before the ending.

    Raises:
        StorageFailed: a file cannot be written.
    """
    write_all_pictures(found.pictures, file)


def write_all_pictures(pictures: Sequence[str], file: Path) -> None:
    """Write pictures as the platform sends them; the second and later have a number.

    Raises:
        StorageFailed: a file cannot be written.
    """
    for number, picture in enumerate(pictures, start=1):
        named = file if number == 1 else file.with_stem(f"{file.stem}-{number}")
        is_text = file.suffix.lower() == ".svg"
        try:
            named.write_bytes(picture.encode() if is_text else b64decode(picture))
        except OSError as error:
            raise StorageFailed(
                f"{named} cannot be written ({error.strerror}): check the path"
            ) from error
        click.echo(f"wrote {named}", err=True)


def _flat(data: object) -> Iterator[object]:
    if not isinstance(data, list):
        yield data
        return
    for one in data:
        yield from _flat(one)


def _nested(values: list[object], shape: Sequence[int]) -> list[object]:
    for side in reversed(shape[1:]):
        values = [values[at : at + side] for at in range(0, len(values), side)]
    return values
