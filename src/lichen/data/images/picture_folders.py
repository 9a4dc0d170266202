"""Pictures in folders named as their class, packed as a zip file."""

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.core.plugins import load_object
from lichen.data.findings import Finding, Severity, counted
from lichen.data.images.archive import Archive
from lichen.data.images.folders import Place, arranged
from lichen.data.images.gallery import Labelled, Look, Pixels, chunk_length
from lichen.data.images.sizes import Size, check_stored, parse_size, size_text
from lichen.data.options import Limits

_EXAMPLES = 5
_MOST_CORRUPT = 0.01
"""Up to this share of pictures that cannot be read is left out, and named; more are refused."""

_PICTURES = "lichen.data.images.pictures"


class PictureFolders:
    """Decodes one picture at a time; first only the header of each, to know their size."""

    def __init__(self, archive: Archive, limits: Limits, size: str | None) -> None:
        """Look at every picture.

        Raises:
            InvalidInput: they stand in no folders, are of several sizes, or cannot be read.
            TooLarge: together they are more than the limit `bytes`.
        """
        self._archive, self._limits = archive, limits
        self._look_at, self._decode = _pillow(archive.name)
        arrangement = arranged(archive.names, archive.name)
        self._passed_over = arrangement.passed_over
        self.has_splits = arrangement.has_splits
        self._corrupt: list[str] = []
        looks = self._looks(arrangement.places)
        self._places = tuple(looks)
        self._remarks = Counter(one.remark for one in looks.values() if one.remark)
        self._examples = {one.remark: place.name for place, one in reversed(looks.items())}
        self._size = parse_size(size) if size else _only_size(looks, archive.name)
        width, height = self._size
        has_colour = any(one.has_colour for one in looks.values())
        self.shape = (height, width, 3 if has_colour else 1)
        check_stored(self.shape, len(looks), limits, archive.name)

    def chunks(self) -> Iterator[Labelled]:
        """All images, some at a time; see `Gallery`."""
        length = chunk_length(self.shape)
        for start in range(0, len(self._places), length):
            yield self._read(self._places[start : start + length])

    def notes(self) -> tuple[Finding, ...]:
        """What was left out and what was lost; see `Gallery`."""
        return (*self._left_out(), *self._lost())

    def _looks(self, places: tuple[Place, ...]) -> dict[Place, Look]:
        looks = {}
        for place in places:
            try:
                looks[place] = self._look_at(self._archive.read(place.name), self._limits.pixels)
            except InvalidInput as failure:
                self._leave_out(place, failure, len(places))
        return looks

    def _leave_out(self, place: Place, failure: InvalidInput, of: int) -> None:
        self._corrupt.append(place.name)
        if len(self._corrupt) > _MOST_CORRUPT * of:
            named = ", ".join(self._corrupt[:_EXAMPLES])
            raise InvalidInput(
                f"{named} in {self._archive.name} cannot be read: {failure}; correct or remove "
                f"{'it' if len(self._corrupt) == 1 else 'them'}"
            ) from failure

    def _read(self, places: tuple[Place, ...]) -> Labelled:
        pixels, kept = [], []
        for place in places:
            try:
                body = self._archive.read(place.name)
                pixels.append(self._decode(body, self._size, self.shape[2]))
                kept.append(place)
            except InvalidInput as failure:
                self._leave_out(place, failure, len(self._places))
        return Labelled(
            np.stack(pixels) if pixels else np.empty((0, *self.shape), np.uint8),
            tuple(one.label for one in kept),
            tuple(one.split for one in kept) if self.has_splits else (),
        )

    def _left_out(self) -> Iterator[Finding]:
        if self._corrupt:
            named = ", ".join(self._corrupt[:_EXAMPLES])
            yield Finding(
                "corrupt-pictures",
                Severity.WARNING,
                f"{counted(len(self._corrupt), 'picture')} could not be read and "
                f"{'is' if len(self._corrupt) == 1 else 'are'} left out: {named}",
                "correct or remove them, and add the folder again",
                "image",
                len(self._corrupt),
            )
        if self._passed_over:
            yield Finding(
                "other-files",
                Severity.INFO,
                f"{counted(self._passed_over, 'file')} that "
                f"{'is' if self._passed_over == 1 else 'are'} no picture "
                f"{'was' if self._passed_over == 1 else 'were'} passed over",
                "nothing to do, unless a picture is missing: PNG, JPEG, GIF and BMP are read",
                count=self._passed_over,
            )

    def _lost(self) -> Iterator[Finding]:
        for remark, count in sorted(self._remarks.items()):
            yield Finding(
                "picture-converted",
                Severity.INFO,
                f"{counted(count, 'picture')}, {self._examples[remark]} among them: it {remark}",
                "convert them yourself where that is not what is meant",
                "image",
                count,
            )


def _pillow(
    name: str,
) -> tuple[Callable[[bytes, int], Look], Callable[[bytes, Size, int], Pixels]]:
    try:
        return load_object(f"{_PICTURES}:look_at"), load_object(f"{_PICTURES}:decode")
    except ModuleNotFoundError as missing:
        raise InvalidInput(
            f"reading the pictures of {name} needs an extra package on the platform: "
            "`pip install lichen[images]`"
        ) from missing


def _only_size(looks: dict[Place, Look], name: str) -> Size:
    sizes = Counter((one.width, one.height) for one in looks.values())
    if len(sizes) == 1:
        return next(iter(sizes))
    of = {(one.width, one.height): place.name for place, one in looks.items()}
    listed = ", ".join(
        f"{size_text(size)} ({count:,}, such as {of[size]})"
        for size, count in sizes.most_common(_EXAMPLES)
    )
    more = f" and {len(sizes) - _EXAMPLES:,} more" if len(sizes) > _EXAMPLES else ""
    raise InvalidInput(
        f"the pictures of {name} are of {len(sizes):,} sizes: {listed}{more}; bring them to one "
        f"with --size {size_text(sizes.most_common(1)[0][0])}, or resize them yourself"
    )
