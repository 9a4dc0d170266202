"""A spaCy pipeline into a version that spaCy itself serves, by code of ours in a guest."""

import tempfile
from pathlib import Path

import msgspec
import numpy as np

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.conversion import CHECKED_ROWS, Conversion, Trial, Wishes
from lichen.frameworks.importing.language.spacy_folder import (
    PIPELINE_TAR,
    packed,
    pipeline_contents,
)
from lichen.frameworks.importing.pickles import pickle_in
from lichen.frameworks.importing.source import Source
from lichen.frameworks.language.residents import RUNTIME_FILE, runtime_file
from lichen.frameworks.language.spacy_config import CONFIG_FILE, META_FILE, read_makeup
from lichen.frameworks.language.spacy_runtime import TEXT, SpacyPipeline

TOLERANCE = 1e-5
"""Of probabilities: texts that run together are multiplied in another order than alone."""
_ALONE = 100


class _Meta(msgspec.Struct, frozen=True):
    """What a pipeline says of itself; only told on."""

    name: str = ""
    version: str = ""
    license: str = ""
    author: str = ""


def convert(source: Source, wishes: Wishes) -> Conversion:  # noqa: ARG001 - of every converter
    """The version of a pipeline.

    Raises:
        InvalidInput: it holds a pickle, names what is not spaCy's own, or spaCy does not load it.
    """
    import spacy

    contents, left_out = pipeline_contents(source)
    makeup = read_makeup(contents[CONFIG_FILE])
    _check_no_pickle(contents)
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in contents.items():
            path = Path(scratch, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        pipeline = SpacyPipeline(Path(scratch))
        trial = _trial(pipeline)
    meta = _meta(contents)
    files = {
        RUNTIME_FILE: runtime_file("spacy"),
        PIPELINE_TAR: packed(contents),
    }
    return Conversion(
        files=files,
        trial=trial,
        algorithm="spaCy pipeline",
        library=f"spaCy {spacy.__version__}",
        task="text-classification" if pipeline.labels else "inference",
        signature=pipeline.signature,
        parameters={
            "language": makeup.language,
            "components": list(makeup.components),
            "pipeline": f"{makeup.language}_{meta.name} {meta.version}",
            "licence": meta.license,
            "author": meta.author,
        },
        notes=_notes(left_out),
    )


def _trial(pipeline: SpacyPipeline) -> Trial:
    """What spaCy says of texts, the first ones each alone: that is the dearer by half."""
    texts = pipeline.texts(CHECKED_ROWS)
    parts = [pipeline.predict([text]) for text in texts[:_ALONE]]
    parts.append(pipeline.predict(texts[_ALONE:]))
    outputs = {name: np.concatenate([one[name] for one in parts]) for name in parts[0]}
    return Trial(inputs={TEXT: _column(texts)}, outputs=outputs, tolerance=TOLERANCE)


def _column(texts: list[str]) -> Array:
    found = np.empty(len(texts), dtype=np.object_)
    found[:] = [text.encode() for text in texts]
    return found


def _check_no_pickle(contents: dict[str, bytes]) -> None:
    for name, content in contents.items():
        if pickle_in(content, name) is not None:
            raise InvalidInput(
                f"{name} is a Python pickle, which runs its author's code when it is read: a "
                "pipeline that nlp.to_disk wrote has none; save it again without that component"
            )


def _meta(contents: dict[str, bytes]) -> _Meta:
    try:
        return msgspec.json.decode(contents.get(META_FILE, b"{}"), type=_Meta)
    except msgspec.MsgspecError as error:
        raise InvalidInput(f"{META_FILE} cannot be read: {error}") from error


def _notes(left_out: tuple[str, ...]) -> tuple[str, ...]:
    said = ["spaCy serves it in a process of its own, in which nothing of the pipeline is run."]
    if left_out:
        shown = ", ".join(left_out[:3]) + (", ..." if len(left_out) > 3 else "")
        said.append(f"Code that came with it was left out: {shown}.")
    return tuple(said)
