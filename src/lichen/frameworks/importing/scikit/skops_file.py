"""Models that skops saved: read by a list of types, never unpickled."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.conversion import Conversion, Wishes
from lichen.frameworks.importing.scikit.estimator import conversion_of
from lichen.frameworks.importing.scikit.recognition import SCHEMA
from lichen.frameworks.importing.source import Source, opened_zip, zip_member
from lichen.frameworks.importing.unpickling import unpickled

_LARGEST_SCHEMA = 256 * 2**20
_MOST_NAMED = 8
_TRUSTED = ("sklearn", "numpy", "scipy")


def convert(source: Source, wishes: Wishes) -> Conversion:
    """The estimator in a file of skops as a version.

    Raises:
        InvalidInput: it holds types of others than scikit-learn, NumPy and SciPy, is damaged or of
            another version, or cannot be converted; the message says which and what to do.
    """
    import sklearn

    name = source.only or source.name
    _check_schema(source, name)
    fitted = _loaded(source, name)
    return conversion_of(fitted, wishes, f"scikit-learn {sklearn.__version__}")


def convert_pickle(source: Source, wishes: Wishes) -> Conversion:
    """The estimator that a pickle holds, which an administrator let be read here.

    Raises:
        Forbidden: nobody let it.
        InvalidInput: it cannot be read, or cannot be converted.
    """
    import sklearn

    fitted = _quietly(lambda: unpickled(source, wishes))
    return conversion_of(fitted, wishes, f"scikit-learn {sklearn.__version__}")


def _check_schema(source: Source, name: str) -> None:
    """Is it a description by skops, of a protocol that is known here?"""
    from skops.io._protocol import PROTOCOL

    with opened_zip(source.path(name)) as archive:
        said = zip_member(archive, SCHEMA, _LARGEST_SCHEMA)
    try:
        schema = json.loads(said)
        protocol, made_by = int(schema["protocol"]), str(schema.get("_skops_version", "unknown"))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput(
            f"{name} has a {SCHEMA} that is none of skops: save the estimator again by "
            "skops.io.dump"
        ) from error
    if protocol > PROTOCOL:
        raise InvalidInput(
            f"skops {made_by} wrote it in protocol {protocol}, and skops {version('skops')} here "
            f"reads up to {PROTOCOL}: save it with that skops"
        )


def _loaded(source: Source, name: str) -> Any:  # noqa: ANN401 - an estimator of scikit-learn
    from skops.io import get_untrusted_types, load

    path = source.path(name)
    try:
        unknown = get_untrusted_types(file=path)
        trusted = [one for one in unknown if _is_trusted(one)]
        _check_types(name, [one for one in unknown if one not in trusted])
        return _quietly(lambda: load(path, trusted=trusted))
    except InvalidInput:
        raise
    except Exception as error:  # whatever a damaged description leads skops to
        said = f"{type(error).__name__}: {error}"[:200]
        raise InvalidInput(
            f"skops {version('skops')} with scikit-learn {version('scikit-learn')} cannot read "
            f"{name} ({said}): save it with these versions"
        ) from error


def _quietly(read: Any) -> Any:  # noqa: ANN401 - a function, and what it gives
    """What is said of other versions of scikit-learn is found out by the comparison."""
    from warnings import catch_warnings, simplefilter

    with catch_warnings():
        simplefilter("ignore")
        return read()


def _check_types(name: str, strange: Sequence[str]) -> None:
    if not strange:
        return
    few = ", ".join(strange[:_MOST_NAMED]) + (", ..." if len(strange) > _MOST_NAMED else "")
    raise InvalidInput(
        f"{name} holds types that are not scikit-learn's, NumPy's or SciPy's, and is not read: "
        f"{few}; keep to those libraries, or export the model as ONNX yourself"
    )


def _is_trusted(named: str) -> bool:
    """A class of the libraries, or a function of NumPy that works element by element."""
    import importlib

    import numpy as np

    if named in _NAMED:
        return True
    if named.partition(".")[0] not in _TRUSTED or ".test" in named:
        return False
    module, _, name = named.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        return False
    return isinstance(found, type | np.ufunc) or named.startswith(_SCORES)


_NAMED = frozenset(
    {"functools.partial", "sklearn.utils.validation.check_array", "numpy.mean", "numpy.median"}
)
"""What fitted estimators hold themselves; a partial calls nothing but what is trusted as well."""
_SCORES = ("sklearn.feature_selection.", "sklearn.metrics.", "sklearn.cluster._kmeans.")
"""Where the functions of scores and of searches stand."""
