"""Images that are all in memory, in one part or in several."""

from collections.abc import Iterator
from dataclasses import dataclass

from lichen.core.errors import InvalidInput
from lichen.data.findings import Finding, Severity
from lichen.data.images.gallery import Labelled, Pixels, chunk_length
from lichen.data.images.sizes import check_stored
from lichen.data.options import Limits


@dataclass(frozen=True, slots=True)
class Part:
    """Images and labels of one part of the data; `split` is '' where there is but one."""

    split: str
    pixels: Pixels
    labels: tuple[str, ...]


class Arrays:
    """Images that are all in memory; see `Gallery`."""

    def __init__(self, parts: tuple[Part, ...], limits: Limits, name: str) -> None:
        """Check that the parts are of one kind.

        Raises:
            InvalidInput: they are not; TooLarge: together they are over a limit.
        """
        shapes = {one.pixels.shape[1:] for one in parts}
        if len(shapes) > 1:
            listed = " and ".join("x".join(map(str, one)) for one in sorted(shapes))
            raise InvalidInput(f"the parts of {name} hold images of {listed}: bring them to one")
        self._parts = parts
        height, width, channels = shapes.pop()
        self.shape = (height, width, channels)
        self.has_splits = len(parts) > 1
        check_stored(self.shape, sum(len(one.pixels) for one in parts), limits, name)

    def chunks(self) -> Iterator[Labelled]:
        """All images, some at a time, part by part; see `Gallery`."""
        length = chunk_length(self.shape)
        for part in self._parts:
            for start in range(0, len(part.pixels), length):
                labels = part.labels[start : start + length]
                splits = (part.split,) * len(labels) if self.has_splits else ()
                yield Labelled(part.pixels[start : start + length], labels, splits)

    def notes(self) -> tuple[Finding, ...]:
        """Where the parts came from; see `Gallery`."""
        if not self.has_splits:
            return ()
        listed = ", ".join(f"{one.split} ({len(one.pixels):,})" for one in self._parts)
        return (
            Finding(
                "parts-of-data",
                Severity.INFO,
                f"the file tells parts of the data apart: {listed}",
                "the column split says which; training scores on `test` unless told otherwise",
                "split",
            ),
        )


def part_of(split: str, pixels: Pixels, labels: tuple[str, ...], name: str) -> Part:
    """A part, if it has a label for each image.

    Raises:
        InvalidInput: it has not.
    """
    if len(pixels) != len(labels):
        raise InvalidInput(
            f"{name} holds {len(pixels):,} images and {len(labels):,} labels: give one for each"
        )
    return Part("validation" if split == "val" else split, pixels, labels)
