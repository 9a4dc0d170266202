"""Explanations with their pictures, over the pixels that they are about."""

from collections.abc import Sequence

import msgspec

from lichen.core.batch import Batch
from lichen.core.tensors import TensorSpec
from lichen.explain.patches import layout_of
from lichen.explain.pictures.drawing import drawn, writer_of
from lichen.explain.pictures.pixels import png_of_pixels
from lichen.protocol.explaining import Explanation


def check_form(form: str | None) -> None:
    """Can a form be drawn?

    Raises:
        InvalidInput: there is no such form, or what draws it is not installed.
    """
    if form is not None:
        writer_of(form)


def illustrated(
    told: Explanation, form: str | None, inputs: Sequence[TensorSpec], rows: Batch
) -> Explanation:
    """The explanation with a picture of each row, where a form is wanted.

    Raises:
        InvalidInput: it cannot be drawn in this form.
    """
    if form is None:
        return told
    layout = layout_of(inputs)
    shown: list[bytes | None] = []
    if layout is not None and len(told.rows) == rows.rows:
        values = rows.arrays[layout.tensor]
        shown = [png_of_pixels(layout.colours_last(picture)) for picture in values]
    return msgspec.structs.replace(told, pictures=drawn(told, form, shown))
