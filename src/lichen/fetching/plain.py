"""A file of a web server: `https://host/path/model.onnx#sha256=...`."""

from urllib.parse import unquote

from lichen.core.errors import InvalidInput
from lichen.fetching.locations import Location, located
from lichen.fetching.parts import Check, Listing, Part, checked_path


class WebFile:
    """One file; its digest may stand in the fragment, as installers of packages write it."""

    def __init__(self, source: str) -> None:
        url, _, fragment = source.partition("#")
        self._place = located(url)
        self._checks = fragment_checks(fragment)

    def listing(self) -> Listing:
        """See Remote."""
        name = file_name(self._place)
        part = Part(name, self._place, checks=self._checks)
        pinned = next((f"{one.algorithm}:{one.digits}" for one in self._checks), None)
        return Listing(name, self._place.shown, (part,), pinned)


def fragment_checks(fragment: str) -> tuple[Check, ...]:
    """The digests in a fragment such as `sha256=...`.

    Raises:
        InvalidInput: there is something else.
    """
    checks = []
    for one in fragment.split("&") if fragment else ():
        algorithm, _, digits = one.partition("=")
        if algorithm not in ("sha256", "sha512"):
            raise InvalidInput(
                f"the source ends in #{fragment[:80]}: after the # stands nothing but a digest, "
                "such as sha256=..."
            )
        checks.append(Check(algorithm, digits.lower()))
    return tuple(checks)


def file_name(place: Location) -> str:
    """What the file at a place is called."""
    last = unquote(place.target.partition("?")[0]).rpartition("/")[2]
    return checked_path(last, place.shown) if last else "model"
