"""The process of a converter: one source in, one conversion out, and then it ends.

    python -m lichen.frameworks.importing.inside CONVERTER IN NAME OUT WISHES

What it refuses is said in `refused.json`, so that its sentence reaches whoever imports.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from lichen.core.errors import InvalidInput, LichenError, WorkFailed
from lichen.core.plugins import load_object
from lichen.frameworks.importing.conversion import Conversion, Wishes, write_conversion
from lichen.frameworks.importing.source import Source, laid_out

REFUSED_FILE = "refused.json"
REFUSED = 3
"""How it ends when it has said why not."""
_LONGEST_REASON = 600
_CONVERTERS = "lichen.frameworks."

Converter = Callable[[Source, Wishes], Conversion]


def main(arguments: Sequence[str]) -> int:
    """Convert; 0, or `REFUSED` and the reason beside."""
    converter, folder, name, out, said = arguments
    wishes = msgspec.json.decode(Path(said).read_bytes(), type=Wishes)
    try:
        made = _converter(converter)(laid_out(Path(folder), name), wishes)
        write_conversion(made, Path(out))
    except LichenError as error:
        return _refused(Path(out), type(error).__name__, str(error))
    except MemoryError:
        return _refused(
            Path(out), WorkFailed.__name__, f"{name} needs more memory than it may take"
        )
    return 0


def _converter(spec: str) -> Converter:
    if not spec.startswith(_CONVERTERS):
        raise InvalidInput(f"{spec} is no converter")
    found: Converter = load_object(spec)
    return found


def _refused(out: Path, kind: str, reason: str) -> int:
    said = {"kind": kind, "reason": reason[:_LONGEST_REASON]}
    (out / REFUSED_FILE).write_text(json.dumps(said), encoding="utf-8")
    return REFUSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
