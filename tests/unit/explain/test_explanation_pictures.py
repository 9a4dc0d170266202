"""Pictures of explanations: well-formed, readable without colour, safe with any text."""

import io
from base64 import b64decode
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from lichen.core.errors import InvalidInput
from lichen.explain.pictures.drawing import drawn, scene_of
from lichen.explain.pictures.pixels import png_of_pixels
from lichen.explain.pictures.scene import Box, Label, Line, Scene
from lichen.explain.pictures.svg import svg_of
from lichen.protocol.explaining import Attribution, ExplainedRow, Explanation, Part

SVG = "{http://www.w3.org/2000/svg}"


def told(method: str, row: ExplainedRow, unit: str | None = None) -> Explanation:
    sums = "base and contributions sum to the prediction"
    return Explanation(
        method=method, space="value", sums_to=sums, largest_error=0.0, rows=[row], unit=unit
    )


def words(*shares: tuple[str, float]) -> Explanation:
    parts, at = [], 0
    for word, _ in shares:
        parts.append(Part("text", word, place=[at, at + len(word)]))
        at += len(word) + 1
    one = Attribution("spam", -1.0, 2.0, [share for _, share in shares])
    return told("token-weights", ExplainedRow(parts, [one]))


def patches() -> Explanation:
    places = [[x, y, x + 4, y + 4] for y in (0, 4) for x in (0, 4)]
    one = Attribution("cat", 0.1, 0.9, [0.5, -0.25, 0.0, 0.05])
    return told("occlusion", ExplainedRow([Part("image", place=place) for place in places], [one]))


def drivers(steps: int) -> Explanation:
    random = np.random.default_rng(0)
    parts = [Part(f"driver {at}", float(at), "MW") for at in range(11)]
    shares = random.normal(0, 100, (steps, 11))
    return told(
        "forecast-drivers",
        ExplainedRow(
            parts,
            [
                Attribution(f"load +{at + 1}", 0.0, float(each.sum()), each.tolist())
                for at, each in enumerate(shares)
            ],
        ),
        "MW",
    )


def table() -> Explanation:
    parts = [Part(f"column {at}", at * 1.5, "m") for at in range(30)]
    one = Attribution("price", 5.0, 40.0, [float((-1) ** at * at) for at in range(30)])
    return told("tree-shap", ExplainedRow(parts, [one]))


ALL = {
    "words": words(("win", 1.5), ("a", 0.0), ("prize", 0.9), ("friend", -0.7)),
    "chinese": words(("工厂", 1.5), ("排污", -0.4)),
    "patches": patches(),
    "one step": drivers(1),
    "two days": drivers(48),
    "table": table(),
    "nothing": words(),
}


@pytest.mark.parametrize("name", ALL)
def test_every_picture_is_well_formed_and_stays_in_its_frame(name: str) -> None:
    (text,) = drawn(ALL[name], "svg")
    root = ET.fromstring(text)  # noqa: S314 - our own
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert root.find(f"{SVG}title") is not None
    for rectangle in root.iter(f"{SVG}rect"):
        said = {key: float(rectangle.attrib.get(key, 0)) for key in ("x", "y", "width", "height")}
        assert said["x"] >= 0
        assert said["y"] >= 0
        assert said["x"] + said["width"] <= width + 0.01
        assert said["y"] + said["height"] <= height + 0.01
    assert drawn(ALL[name], "svg") == [text]


@pytest.mark.parametrize("name", [name for name in ALL if name != "chinese"])
def test_every_picture_comes_as_png_of_twice_the_size(name: str) -> None:
    scene = scene_of(ALL[name], ALL[name].rows[0])
    with Image.open(io.BytesIO(b64decode(drawn(ALL[name], "png")[0]))) as picture:
        assert picture.size == (round(2 * scene.width), round(2 * scene.height))
        assert len(picture.getcolors(1 << 20) or []) > 3


def labels(one: Explanation) -> list[str]:
    return [shape.text for shape in scene_of(one, one.rows[0]).shapes if isinstance(shape, Label)]


def test_words_for_and_against_are_told_apart_without_colour() -> None:
    scene = scene_of(ALL["words"], ALL["words"].rows[0])
    lines = [shape for shape in scene.shapes if isinstance(shape, Line)]
    assert sorted(line.dash > 0 for line in lines) == [False, False, True]
    assert {"+1.5", "+0.9", "\u22120.7"} <= set(labels(ALL["words"]))
    assert max(lines, key=lambda line: line.width).dash == 0


def test_the_largest_patches_are_numbered_with_their_sign() -> None:
    assert {"1+", "2\u2212", "3+"} <= set(labels(ALL["patches"]))


def test_each_driver_has_its_letter() -> None:
    said = labels(ALL["one step"])
    assert {"A", "B", "C"} <= set(said)
    assert any(one.endswith("others") for one in said)
    assert any(one.startswith("forecast less reference") for one in said)


def test_the_stacks_of_a_step_are_as_high_as_its_drivers_sum() -> None:
    one = drivers(1)
    shares = np.array(one.rows[0].attributions[0].contributions)
    boxes = [shape for shape in scene_of(one, one.rows[0]).shapes if isinstance(shape, Box)]
    bars = [box for box in boxes if box.width > 100]
    scale = sum(box.height for box in bars) / np.abs(shares).sum()
    rest = sorted(np.abs(shares))[: len(shares) - 7]
    assert scale > 0
    assert len(bars) == 8
    assert min(box.height for box in bars) <= scale * sum(rest) + 1e-9


def test_the_smallest_columns_of_a_table_are_one_bar() -> None:
    said = labels(ALL["table"])
    assert "15 others" in said
    assert "column 29 = 43.5 m" in said


def test_a_text_cannot_break_out_of_the_picture() -> None:
    hostile = words(("<script>alert(1)</script>", 1.0), ('"&\x00\x1b\n', -1.0))
    (text,) = drawn(hostile, "svg")
    ET.fromstring(text)  # noqa: S314 - our own
    assert "<script" not in text


def test_pixels_become_a_png_that_others_read() -> None:
    random = np.random.default_rng(0)
    for colours in (1, 3):
        pixels = random.integers(0, 256, (5, 7, colours)).astype(np.uint8)
        with Image.open(io.BytesIO(png_of_pixels(pixels))) as picture:
            assert np.array_equal(np.asarray(picture).reshape(5, 7, colours), pixels)
    with Image.open(io.BytesIO(png_of_pixels(np.array([[[-2.0], [0.0], [2.0]]])))) as picture:
        assert np.asarray(picture).ravel().tolist() == [0, 128, 255]


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(InvalidInput, match="give svg or png"):
        drawn(table(), "gif")


def test_an_empty_scene_is_still_a_picture() -> None:
    assert svg_of(Scene(10, 10, "nothing")).startswith("<svg")
