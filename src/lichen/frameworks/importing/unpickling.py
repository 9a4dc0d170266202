"""Reading a pickle, which runs its author's code: for confined processes of converters alone.

Only a converter whose format is a pickle calls this, after an administrator allowed it
(`Wishes.may_unpickle`): in a process without network, without other files, and ended at once.
"""

import importlib
import importlib.util
from typing import Any

from lichen.core.errors import Forbidden, InvalidInput
from lichen.frameworks.importing.conversion import Wishes
from lichen.frameworks.importing.pickles import Pickle, refusal
from lichen.frameworks.importing.searching import found_pickles
from lichen.frameworks.importing.source import Source

_LONGEST_REASON = 200


def pickle_of(source: Source, package: str) -> Pickle | None:
    """The pickle that a single file is, if it would import this package; nothing is read."""
    if source.only is None or source.members(source.only):
        return None
    found = found_pickles(source)
    return next((one for one in found if package in one.packages), None)


def unpickled(source: Source, wishes: Wishes, name: str | None = None) -> Any:  # noqa: ANN401 - whatever its author made
    """The object in a file, as pickle or joblib wrote it.

    Args:
        source: what was given.
        wishes: they say whether it may be read at all.
        name: which file; the only one unless said.

    Raises:
        Forbidden: nobody allowed it.
        InvalidInput: it cannot be read here; the message says what it lacks.
    """
    file = name or source.only
    if file is None:
        raise InvalidInput(f"{source.name} holds several files: give the pickle alone")
    if not wishes.may_unpickle:
        found = found_pickles(source)
        raise Forbidden(refusal(found[0]) if found else f"{file} may not be unpickled")
    try:
        return _loader()(source.path(file))
    except Exception as error:  # whatever the author's code raises
        said = f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
        raise InvalidInput(
            f"{file} cannot be unpickled here ({said}): it needs the packages that it was made with"
        ) from error


def _loader() -> Any:  # noqa: ANN401 - a function of joblib or of pickle
    """What reads files: joblib, where it is installed, reads what it compressed itself too."""
    if importlib.util.find_spec("joblib") is not None:
        return importlib.import_module("joblib").load
    pickle = importlib.import_module("pickle")
    return lambda path: pickle.loads(path.read_bytes())
