"""Which of TensorFlow's and Keras's forms a source is, by its content alone."""

from pathlib import PurePosixPath

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.source import HDF5_MAGIC, Source, opened_zip

CONFIG_MEMBER, WEIGHTS_MEMBER = "config.json", "model.weights.h5"
GRAPH_FILE = "saved_model.pb"
_TEXT_GRAPH = "saved_model.pbtxt"
_METADATA_MEMBER = "metadata.json"


def is_keras_archive(source: Source) -> bool:
    """A `.keras` file: a zip archive of a configuration and its weights."""
    if source.only is None:
        return False
    members = source.members(source.only)
    if CONFIG_MEMBER not in members:
        return False
    return WEIGHTS_MEMBER in members or _METADATA_MEMBER in members


def is_keras_hdf5(source: Source) -> bool:
    """An HDF5 file, in which Keras kept whole models before `.keras`."""
    return source.only is not None and source.head(source.only, 8) == HDF5_MAGIC


def is_saved_model(source: Source) -> bool:
    """A folder with `saved_model.pb`, at its top or in one folder below.

    Raises:
        InvalidInput: the graph is there as text.
    """
    if _ending(source, _TEXT_GRAPH) and not _ending(source, GRAPH_FILE):
        raise InvalidInput(
            f"{source.name} keeps its graph as text ({_TEXT_GRAPH}): save it with "
            "tf.saved_model.save or model.export, which write saved_model.pb"
        )
    return len(_ending(source, GRAPH_FILE)) == 1


def saved_model_folder(source: Source) -> str:
    """The folder of the SavedModel in the source; empty: the source itself."""
    parent = PurePosixPath(_ending(source, GRAPH_FILE)[0]).parent
    return "" if str(parent) == "." else str(parent)


def check_archive(source: Source, name: str) -> None:
    """Refuse a `.keras` file that lacks a part, or is a trap.

    Raises:
        InvalidInput: it is damaged, a zip bomb, or has no weights.
    """
    with opened_zip(source.path(name)) as archive:
        if WEIGHTS_MEMBER not in archive.namelist():
            raise InvalidInput(
                f"{source.name} holds no {WEIGHTS_MEMBER}, the weights of its model: save it again "
                "with model.save"
            )


def _ending(source: Source, file: str) -> list[str]:
    return [name for name in source.names if PurePosixPath(name).name == file]
