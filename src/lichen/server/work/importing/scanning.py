"""What would run code when it is read: refused, unless an administrator lets it."""

from lichen.core.errors import Forbidden, InvalidInput
from lichen.frameworks.importing.formats import Format
from lichen.frameworks.importing.pickles import Pickle, refusal
from lichen.frameworks.importing.searching import found_pickles
from lichen.frameworks.importing.source import Source
from lichen.protocol.admin import ImportSpec
from lichen.server.sections import ImportSettings

_NOBODY = "none"


def check_scan(
    settings: ImportSettings, spec: ImportSpec, source: Source, format_: Format | None
) -> tuple[Pickle, ...]:
    """The pickles among the files; none, unless they were allowed.

    Args:
        settings: who may allow any.
        spec: what was asked for.
        source: what was given.
        format_: what it was recognised as; a pickle of none can be read by nobody's leave.

    Raises:
        InvalidInput: there is one, and nobody allowed it, or no converter reads it.
        Forbidden: this platform allows none.
    """
    found = found_pickles(source)
    if found and spec.allow_unsafe and settings.unsafe_imports == _NOBODY:
        raise Forbidden(
            "this platform reads no pickles for anybody: its administrator may set "
            'unsafe_imports = "admin" under [imports]'
        )
    may_be_allowed = format_ is not None and format_.is_pickle
    if found and not (spec.allow_unsafe and may_be_allowed):
        raise InvalidInput(refusal(found[0], may_be_allowed=may_be_allowed))
    return found


def scan_of(format_: Format, source: Source) -> str:
    """What a version of this format says of the scan of its source."""
    if format_.is_pickle:
        return said_of(found_pickles(source))
    if format_.checks_pickles:
        return "its form may hold pickles: what they name was checked before it was read"
    return said_of(())


def said_of(found: tuple[Pickle, ...]) -> str:
    """What a version says of its scan."""
    if not found:
        return "no pickle found"
    names = sorted({name for one in found for name in one.names})
    few = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return (
        f"{len(found)} pickles, read once in a confined process by an administrator's leave ({few})"
    )
