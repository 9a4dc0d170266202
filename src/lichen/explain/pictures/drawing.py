"""From an explanation to its pictures: one for each row, in the form that suits its parts."""

from base64 import b64encode
from collections.abc import Callable, Sequence

from lichen.core.errors import InvalidInput
from lichen.core.plugins import load_object
from lichen.explain.pictures.bars import bars
from lichen.explain.pictures.heat_map import heat_map
from lichen.explain.pictures.scene import Scene
from lichen.explain.pictures.shaded_words import shaded_words
from lichen.explain.pictures.stacked_drivers import stacked_drivers
from lichen.explain.pictures.svg import svg_of
from lichen.protocol.explaining import ExplainedRow, Explanation

SVG, PNG = "svg", "png"
FORMS = (SVG, PNG)
_RASTER = "lichen.explain.pictures.raster:png_of"
_STEPPED = "forecast-drivers"


def drawn(told: Explanation, form: str, shown: Sequence[bytes | None] = ()) -> list[str]:
    """The picture of each row: SVG as its text, PNG in base64.

    Args:
        told: the explanation.
        form: one of `FORMS`.
        shown: of each row the picture that it is about, as PNG; empty where there is none.

    Raises:
        InvalidInput: there is no such form, or what draws it is not installed.
    """
    write = writer_of(form)
    pictures = shown or [None] * len(told.rows)
    return [
        write(scene_of(told, row, picture))
        for row, picture in zip(told.rows, pictures, strict=True)
    ]


def scene_of(told: Explanation, row: ExplainedRow, picture: bytes | None = None) -> Scene:
    """One row as a picture; of several outputs the one with the largest prediction."""
    if told.method == _STEPPED:
        return stacked_drivers(told, row)
    one = max(row.attributions, key=lambda each: each.prediction)
    lengths = {len(part.place) for part in row.parts}
    if lengths == {4}:
        return heat_map(told, row.parts, one, picture)
    if 2 in lengths and any(isinstance(part.value, str) and part.place for part in row.parts):
        return shaded_words(told, row.parts, one)
    return bars(told, row.parts, one)


def writer_of(form: str) -> Callable[[Scene], str]:
    """What writes scenes in a form.

    Raises:
        InvalidInput: there is no such form, or what draws it is not installed.
    """
    if form == SVG:
        return svg_of
    if form != PNG:
        raise InvalidInput(f"picture {form!r} is none: give {' or '.join(FORMS)}")
    try:
        png_of: Callable[[Scene], bytes] = load_object(_RASTER)
    except ModuleNotFoundError as missing:
        raise InvalidInput(
            "pictures as PNG need Pillow on the platform: `pip install lichen[images]` there, or "
            "take SVG"
        ) from missing
    return lambda scene: b64encode(png_of(scene)).decode()
