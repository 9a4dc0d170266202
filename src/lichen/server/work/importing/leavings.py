"""What a converter left, judged before any of it is loaded or kept: it may have been taken over.

How a version is loaded depends on which files it has. A conversion is therefore one of the forms
that converters make and nothing beside it, so that what is tried out is what is served later.
"""

from collections.abc import Mapping

from lichen.core.errors import Corrupt, InvalidInput
from lichen.frameworks.importing.formats import Format
from lichen.frameworks.language.residents import RUNTIME_FILE, read_runtime
from lichen.frameworks.onnx import MODEL_FILE
from lichen.frameworks.onnx_checks import check_whole
from lichen.frameworks.openvino_ir import IR_FILE, IR_FILES
from lichen.frameworks.sentence_encoder import ENCODER_FILE
from lichen.frameworks.tokenizing import TOKENIZER_FILE
from lichen.pipeline.background import BACKGROUND_FILE
from lichen.pipeline.files import ARRAYS_FILE, PIPELINE_FILE
from lichen.serving.forms import TELLING_FILES

_OF_PIPELINES = frozenset(
    (MODEL_FILE, PIPELINE_FILE, ARRAYS_FILE, ENCODER_FILE, TOKENIZER_FILE, BACKGROUND_FILE)
)
_AS_THEY_CAME = ("model.txt", "model.json", "model.ubj")
"""Boosters are kept beside their networks."""
_OF_NETWORKS = frozenset((MODEL_FILE, BACKGROUND_FILE, *_AS_THEY_CAME))
_ONNX = ".onnx"


def check_leavings(files: Mapping[str, bytes], format_: Format) -> None:
    """Are these the files of one form, and does none of them lead to another file?

    Raises:
        Corrupt: they are not what a converter of the format makes.
        InvalidInput: a network cannot be read, or takes weights from elsewhere.
    """
    strange = sorted(files.keys() - _allowed(files, format_))
    if strange or not files:
        raise Corrupt(
            f"the converter of {format_.title} left {', '.join(map(repr, strange)) or 'no files'}, "
            "which no conversion of it has: it may be that the model took it over"
        )
    _check_networks(files)


def check_registered(files: Mapping[str, bytes]) -> None:
    """The same of what a training script registered, which has no runtime of its own.

    Raises:
        InvalidInput: they are not what a conversion has.
    """
    strange = sorted(files.keys() - _allowed(files, None))
    if strange or not files:
        raise InvalidInput(
            f"{', '.join(map(repr, strange)) or 'no files'} cannot be registered: give "
            "run.register the model itself"
        )
    _check_networks(files)


def _check_networks(files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        if name.endswith(_ONNX):
            check_whole(content)


def _allowed(files: Mapping[str, bytes], format_: Format | None) -> frozenset[str]:
    """By the file that decides how they are loaded."""
    telling = next((name for name in TELLING_FILES if name in files), MODEL_FILE)
    if telling == RUNTIME_FILE and format_ is not None:
        return frozenset(_of_runtime(files, format_))
    if telling == PIPELINE_FILE:
        return _OF_PIPELINES
    if telling == IR_FILE:
        return frozenset(IR_FILES)
    return _OF_NETWORKS if telling == MODEL_FILE else frozenset()


def _of_runtime(files: Mapping[str, bytes], format_: Format) -> tuple[str, ...]:
    try:
        resident = read_runtime(files[RUNTIME_FILE])
    except InvalidInput:
        return ()
    return (RUNTIME_FILE, *resident.files) if resident.name == format_.name else ()
