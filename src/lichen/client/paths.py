"""Names as parts of the paths of the control plane."""

from urllib.parse import quote

from lichen.core.ids import checked_name


def part(name: str, kind: str) -> str:
    """A name as one part of a path: what would be none, or several, is refused here."""
    if not name or "/" in name:
        checked_name(name, kind)
    return quote(name, safe="")


def version_path(reference: str) -> str:
    """Where a version stands: `name@which`, or the latest of a name."""
    name, _, which = reference.partition("@")
    return f"/models/{part(name, 'model')}/versions/{part(which or 'latest', 'version')}"
