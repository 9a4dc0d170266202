"""MLflow model folders: which flavour a folder holds, and the files of it that are the model."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import yaml

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.source import Source, laid_out
from lichen.registry.manifest import MANIFEST_FILE
from lichen.store.failures import storage_failures

MODEL_FILE, FORMAT = "MLmodel", "mlflow"
_OWN = f"lichen/{MANIFEST_FILE}"
_LARGEST_BYTES = 2**20
_NEVER = (
    "its python_function is code or a pickle of its author's, which is not run here: log the model "
    "itself with its own flavour (mlflow.sklearn with serialization_format='skops', mlflow.onnx, "
    "...), and import that"
)

Said = Mapping[str, Any]
"""A part of MLmodel, which anybody may have written."""


@dataclass(frozen=True, slots=True)
class Packaged:
    """The model within a folder.

    Attributes:
        source: its files alone.
        flavour: what MLflow calls its form.
        columns: names of its inputs, where the folder's signature has them.
    """

    source: Source
    flavour: str
    columns: tuple[str, ...]


def is_mlflow(source: Source) -> bool:
    """Whether a folder is one of MLflow's."""
    return source.has(MODEL_FILE)


def packaged(source: Source, scratch: Path) -> Packaged:
    """The model of a folder, laid out alone.

    Args:
        source: with `MLmodel`.
        scratch: where its files are laid; emptied first.

    Raises:
        InvalidInput: its description cannot be read, or it holds no flavour that is known.
        StorageFailed: the disk is full.
    """
    said = _described(source)
    flavours = _part(said, "flavors")
    if source.has(_OWN):  # a platform exported it: the version itself lies within
        return Packaged(_laid(source, [_OWN.partition("/")[0]], scratch, "lichen"), "lichen", ())
    found = next((name for name in _PLACES if name in flavours), None)
    if found is None:
        raise InvalidInput(_unknown(source, sorted(map(str, flavours))))
    places = _PLACES[found](_part(flavours, found), source.names)
    laid = _laid(
        source, [_checked(source, one) for one in places if one is not None], scratch, found
    )
    columns = _columns(_part(said, "signature").get("inputs")) if found in _NAMED else ()
    return Packaged(laid, found, columns)


def _described(source: Source) -> Said:
    try:
        said = yaml.safe_load(source.read(MODEL_FILE, _LARGEST_BYTES))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        first = str(error).partition("\n")[0]
        raise InvalidInput(
            f"{source.name}/{MODEL_FILE} is no YAML ({first}): log the model again"
        ) from error
    if not isinstance(said, dict) or not isinstance(said.get("flavors"), dict):
        raise InvalidInput(f"{source.name}/{MODEL_FILE} names no flavors: log the model again")
    return said


def _part(said: Said, name: str) -> Said:
    found = said.get(name)
    return found if isinstance(found, dict) else {}


def _text(said: object) -> str:
    """A text; what is none is never written out: by its aliases a small YAML is an endless one."""
    return said if isinstance(said, str) else ""


def _unknown(source: Source, flavours: list[str]) -> str:
    if flavours == ["python_function"]:
        return f"{source.name}: {_NEVER}"
    return (
        f"{source.name} holds the flavours {', '.join(flavours) or 'of none'}, and one of "
        f"{', '.join(_PLACES)} is needed: log the model with such a flavour"
    )


def _checked(source: Source, place: object) -> str:
    """A path within the folder, of a file or a folder that is there.

    Raises:
        InvalidInput: it points outside, or at nothing.
    """
    if not isinstance(place, str):
        raise InvalidInput(f"{source.name}/{MODEL_FILE} names no file: log the model again")
    path = PurePosixPath(place.replace("\\", "/"))
    name = path.as_posix()
    if path.is_absolute() or ".." in path.parts:
        raise InvalidInput(
            f"{source.name}/{MODEL_FILE} names {name!r}, a path outside the folder: log it again"
        )
    if name not in source.names and not any(one.startswith(f"{name}/") for one in source.names):
        raise InvalidInput(
            f"{source.name}/{MODEL_FILE} names {name!r}, which the folder lacks: give all of it"
        )
    return name


def _laid(source: Source, places: list[str], scratch: Path, flavour: str) -> Source:
    """The files of the places side by side; of several folders, one."""
    if not places:
        raise InvalidInput(f"{source.name}/{MODEL_FILE} says of {flavour} no file: log it again")
    with storage_failures(scratch):
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        for place in places:
            for name in source.names:
                if name == place or name.startswith(f"{place}/"):
                    inner = PurePosixPath(name).name if name == place else name[len(place) + 1 :]
                    target = scratch / inner
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(source.path(name), target)
    is_file = len(places) == 1 and places[0] in source.names
    return laid_out(scratch, PurePosixPath(places[0]).name if is_file else source.name)


def _columns(said: object) -> tuple[str, ...]:
    """The names of the inputs of a signature; none where it is of tensors, or cannot be read."""
    try:
        inputs = msgspec.json.decode(_text(said), type=list[dict[str, Any]])
    except (msgspec.MsgspecError, RecursionError):
        return ()
    names = [one.get("name") for one in inputs if one.get("type") != "tensor"]
    if len(names) < len(inputs) or not all(isinstance(one, str) and one for one in names):
        return ()
    return tuple(str(one) for one in names) if len(set(names)) == len(names) else ()


Places = Callable[[Said, Sequence[str]], tuple[object, ...]]
"""Of a flavour, and the names of all files: which paths of the folder are the model."""


def _data(said: Said, _names: Sequence[str]) -> tuple[object, ...]:
    return (said.get("data"),)


def _boosted(said: Said, _names: Sequence[str]) -> tuple[object, ...]:
    place = _text(said.get("data"))
    if place.endswith((".skops", ".pkl")):
        raise InvalidInput(
            "the LightGBM model is logged with its wrapper for scikit-learn: log its booster, "
            "mlflow.lightgbm.log_model(model.booster_, ...), and import that"
        )
    return (place,)


def _pickled(said: Said, _names: Sequence[str]) -> tuple[object, ...]:
    return (said.get("pickled_model"),)


def _keras(said: Said, names: Sequence[str]) -> tuple[object, ...]:
    """A SavedModel, or the file of Keras within a folder of data."""
    if said.get("saved_model_dir"):
        return (said.get("saved_model_dir"),)
    place = _text(said.get("data")) or "data"
    file = _ending(names, place, (".keras", ".h5"))
    return (file or next((one.rpartition("/")[0] for one in names if _is_saved(one)), place),)


def _is_saved(name: str) -> bool:
    return name.endswith("/saved_model.pb")


def _torch(said: Said, names: Sequence[str]) -> tuple[object, ...]:
    place = _text(said.get("model_data")) or "data"
    return (_ending(names, place, (".pt2", ".pt", ".pth")) or place,)


def _ending(names: Sequence[str], place: str, suffixes: tuple[str, ...]) -> str | None:
    """The first file below a folder that ends so."""
    below = (one for one in names if one.startswith(f"{place}/"))
    return next((one for one in below if one.endswith(suffixes)), None)


def _transformer(said: Said, names: Sequence[str]) -> tuple[object, ...]:
    """Weights, and what MLflow puts into folders of its own beside them."""
    more = [one for one in _COMPONENTS if any(name.startswith(f"{one}/") for name in names)]
    return (said.get("model_binary") or "model", *more)


_COMPONENTS = ("components/tokenizer", "components/image_processor")
_PLACES: Mapping[str, Places] = {
    "onnx": _data,
    "sklearn": _pickled,
    "xgboost": _data,
    "lightgbm": _boosted,
    "tensorflow": _keras,
    "keras": _keras,
    "transformers": _transformer,
    "spacy": _data,
    "pytorch": _torch,
}
_NAMED = frozenset({"sklearn", "xgboost", "lightgbm", "onnx"})
"""Flavours whose rows are values of columns."""
