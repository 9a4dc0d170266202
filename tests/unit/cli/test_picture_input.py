"""Pictures as the input of a deployment that takes pixels."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.cli import picture_input
from lichen.client.connection import Lichen
from lichen.client.inference import Answer
from lichen.core.errors import InvalidInput, TooLarge
from lichen.core.tensors import Datatype
from lichen.protocol.oip import ModelMetadata, TensorMetadata

Image = pytest.importorskip("PIL.Image", reason="Pillow comes with the extra `images`")


class _Platform:
    """Keeps what it is asked, and answers the mean of each image."""

    def __init__(self) -> None:
        self.asked: NDArray[np.uint8] = np.empty(0, np.uint8)

    def predict(self, deployment: str, inputs: Mapping[str, NDArray[np.uint8]]) -> Answer:
        self.asked = inputs["image"]
        return Answer({"y": self.asked.mean(axis=(1, 2, 3)).tolist()}, None, deployment, "1")


def _metadata(*shape: int, datatype: Datatype = Datatype.UINT8) -> ModelMetadata:
    return ModelMetadata(
        name="d",
        versions=["1"],
        platform="lichen",
        inputs=[TensorMetadata("image", datatype, list(shape))],
        outputs=[],
    )


def _write(path: Path, value: int, size: tuple[int, int] = (6, 4)) -> Path:
    held = io.BytesIO()
    Image.fromarray(np.full((size[1], size[0]), value, np.uint8)).save(held, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(held.getvalue())
    return path


def _ask(path: Path, metadata: ModelMetadata) -> tuple[_Platform, Answer, list[str]]:
    platform = _Platform()
    answer, names = picture_input.answer_to_pictures(cast(Lichen, platform), metadata, "d", path)
    return platform, answer, names


def test_a_picture_is_brought_to_the_size_and_the_channels_of_the_model(tmp_path: Path) -> None:
    platform, answer, names = _ask(
        _write(tmp_path / "a.png", 200, (60, 40)), _metadata(-1, 4, 6, 3)
    )
    assert platform.asked.shape == (1, 4, 6, 3)
    assert (answer.outputs["y"], names) == ([200.0], ["a.png"])


def test_a_folder_is_asked_as_one_in_the_order_of_its_names(tmp_path: Path) -> None:
    for name, value in (("b/2.png", 30), ("a/1.png", 10), ("b/1.png", 20)):
        _write(tmp_path / name, value)
    (tmp_path / "notes.txt").write_text("no picture")
    _, answer, names = _ask(tmp_path, _metadata(-1, 4, 6, 1))
    assert names == ["a/1.png", "b/1.png", "b/2.png"]
    assert answer.outputs["y"] == [10.0, 20.0, 30.0]


def _broken(folder: Path) -> Path:
    (folder / "x.png").write_bytes(b"no picture")
    return folder / "x.png"


def test_open_sides_take_a_picture_as_large_as_it_is_and_colours_may_come_first(
    tmp_path: Path,
) -> None:
    picture = _write(tmp_path / "a.png", 200)
    assert _ask(picture, _metadata(-1, -1, -1, 3))[0].asked.shape == (1, 4, 6, 3)
    assert _ask(picture, _metadata(-1, 3, 4, 6))[0].asked.shape == (1, 3, 4, 6)
    _write(tmp_path / "b.png", 10, (5, 5))
    with pytest.raises(InvalidInput, match="of several sizes"):
        _ask(tmp_path, _metadata(-1, -1, -1, 3))
    with pytest.raises(InvalidInput, match="one picture at a time"):
        _ask(tmp_path, _metadata(1, 4, 6, 3))


@pytest.mark.parametrize(
    ("path_of", "metadata", "said"),
    [
        (lambda folder: folder, _metadata(-1, 4, 6, 1), "holds no picture"),
        (_broken, _metadata(-1, 4, 6, 1), r"x.png cannot be read: it is no readable PNG"),
        (lambda folder: folder / "gone.png", _metadata(-1, 4, 6, 1), "gone.png cannot be read"),
        (_broken, _metadata(-1, 4), r"d takes no images but image UINT8 \[-1, 4\]"),
        (_broken, _metadata(-1, 4, 6, 1, datatype=Datatype.FP32), "takes no images"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(
    tmp_path: Path, path_of: Callable[[Path], Path], metadata: ModelMetadata, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        _ask(path_of(tmp_path), metadata)


def test_more_than_a_request_holds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="name a part"):
        _ask(_write(tmp_path / "a.png", 1), _metadata(-1, 4096, 4096, 3))
    body = _write(tmp_path / "a.png", 1, (2000, 2000)).read_bytes()
    for name in ("b.png", "c.png"):
        (tmp_path / name).write_bytes(body if name == "b.png" else b"no picture")
    with pytest.raises(TooLarge, match="name a part"):  # before the last is looked at
        _ask(tmp_path, _metadata(-1, -1, -1, 3))
    for number in range(picture_input.MOST_PICTURES + 1):
        (tmp_path / f"{number}.png").touch()
    with pytest.raises(TooLarge, match="holds 1,004 pictures"):
        _ask(tmp_path, _metadata(-1, 4, 6, 1))
