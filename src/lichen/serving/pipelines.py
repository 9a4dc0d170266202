"""A pipeline as a predictor: encode raw columns, run the ONNX core, answer as its head says."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature
from lichen.frameworks.alternatives import choices_of
from lichen.frameworks.base import Predictor
from lichen.frameworks.onnx import MODEL_FILE, OnnxPredictor
from lichen.frameworks.runtimes import Choice
from lichen.frameworks.sentence_encoder import ENCODER_FILE, SentenceEncoder
from lichen.frameworks.tokenizing import TOKENIZER_FILE
from lichen.pipeline.declaration import Pipeline
from lichen.pipeline.encoding import Encoding
from lichen.pipeline.examples import example_rows
from lichen.pipeline.files import ARRAYS_FILE, PIPELINE_FILE, read_pipeline
from lichen.pipeline.heads import Answering, answering, check_columns
from lichen.pipeline.signature import pipeline_signature
from lichen.serving.texts import TextNetworkPredictor, is_text_network

PIPELINE_FILES = (MODEL_FILE, PIPELINE_FILE)
"""And `ARRAYS_FILE` where a version has it."""

MakesCore = Callable[[bytes], Predictor]
"""Loads the core of a pipeline, in whatever form is to serve it."""


class PipelinePredictor:
    """Raw rows in, answers out; the core is any predictor of one tensor."""

    def __init__(
        self,
        signature: Signature,
        pipeline: Pipeline,
        arrays: Mapping[str, Array],
        core: Predictor,
        encoder: SentenceEncoder | None = None,
    ) -> None:
        """Put it together; `encoder` embeds texts, where the pipeline does.

        Raises:
            InvalidInput: core, encoders and head do not fit each other.
            Unavailable: what parts texts of a language is not installed.
        """
        self._signature = signature
        self._pipeline = pipeline
        self._core = core
        self._features = _only_input(core, pipeline)
        self._raw = core.signature.outputs[0].name
        self._encoder = encoder
        embed = None if encoder is None else encoder.embed
        self._encoding = Encoding(pipeline, arrays, None, embed) if pipeline.encoders else None
        self._head: Answering | None = answering(pipeline.head) if pipeline.head else None
        self._check()

    @property
    def signature(self) -> Signature:
        """Raw columns in; what its head answers out."""
        return self._signature

    @property
    def joins_rows(self) -> bool:
        """Encoders and heads look at each row alone; the core says for itself."""
        return self._core.joins_rows

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Which form of the core runs batches of which size."""
        return choices_of(self._core)

    @property
    def device(self) -> str:
        """Where the core computes."""
        return str(getattr(self._core, "device", "cpu"))

    def predict(self, batch: Batch) -> Batch:
        """What is answered for raw rows.

        Raises:
            InvalidInput: a cell cannot be what the model was trained on; the message names row and
                column.
            WorkFailed: the core failed.
        """
        if self._encoding is None:
            features = batch
        else:
            features = Batch({self._features: self.features(batch)})
        raw = self._core.predict(features)
        return raw if self._head is None else Batch(self._head.answer(raw.arrays[self._raw]))

    def features(self, rows: Batch) -> Array:
        """What its encoders make of raw rows: float32 `(rows, width)`; of none their only tensor.

        Raises:
            InvalidInput: see `predict`.
        """
        if self._encoding is None:
            return next(iter(rows.arrays.values()))
        return self._encoding.encode(rows.arrays)

    def example(self, rows: int) -> Batch:
        """Rows such as it was trained on."""
        if self._encoding is None:
            return self._core.example(rows)
        return Batch(example_rows(self._pipeline, rows))

    def close(self) -> None:
        """Let go of the core, and of the sentence encoder."""
        self._core.close()
        if self._encoder is not None:
            self._encoder.close()

    def _check(self) -> None:
        """Do its parts fit each other?"""
        takes = self._core.signature.inputs[0]
        if self._encoding is not None and (
            takes.datatype is not Datatype.FP32
            or len(takes.shape) != 2
            or takes.shape[1] not in (-1, self._encoding.width)
        ):
            raise InvalidInput(
                f"the core takes {takes.datatype} {list(takes.shape)}, and its encoders make "
                f"{self._encoding.width} features: train it again"
            )
        if self._pipeline.head is not None:
            raw = self._core.predict(self._core.example(1)).arrays[self._raw]
            check_columns(self._pipeline.head, raw)


class PipelineAdapter:
    """Makes predictors from `model.onnx`, `pipeline.json` and perhaps `pipeline.npz`."""

    def __init__(self, makes_core: MakesCore = OnnxPredictor) -> None:
        """Take what loads the core; without it, ONNX Runtime runs it on the CPU."""
        self._makes_core = makes_core

    def load(self, files: Mapping[str, bytes], signature: Signature | None) -> Predictor:
        """The predictor of a pipeline's files.

        Raises:
            InvalidInput: a file is missing or cannot be read, or they do not fit each other.
        """
        missing = [name for name in PIPELINE_FILES if name not in files]
        if missing:
            raise InvalidInput(f"a pipeline needs {', '.join(missing)}: train it again")
        pipeline, arrays = read_pipeline(files)
        signature = _reconciled(pipeline, signature)
        core = self._makes_core(files[MODEL_FILE])
        try:
            if is_text_network(pipeline):
                return TextNetworkPredictor(signature, pipeline, core, files)
            encoder = SentenceEncoder(files) if ENCODER_FILE in files else None
            return PipelinePredictor(signature, pipeline, arrays, core, encoder)
        except BaseException:
            core.close()
            raise


def pipeline_file_names(kept: Collection[str]) -> tuple[str, ...]:
    """The files that a pipeline is loaded from, of those that its version keeps."""
    more = (ARRAYS_FILE, ENCODER_FILE, TOKENIZER_FILE)
    return (*PIPELINE_FILES, *(name for name in more if name in kept))


def _reconciled(pipeline: Pipeline, given: Signature | None) -> Signature:
    """The signature that was registered, if it speaks of the same tensors and columns."""
    if not pipeline.encoders:
        if given is None:
            raise InvalidInput("a pipeline of tensors needs its signature: load it from a registry")
        return given
    own = pipeline_signature(pipeline)
    if given is None:
        return own
    if pipeline.head is None:
        own = replace(own, outputs=given.outputs)  # as the core says them
    if _form(given) != _form(own):
        raise InvalidInput(
            "the pipeline takes and gives other columns than its signature says: train it again"
        )
    return given


def _form(signature: Signature) -> list[tuple[object, ...]]:
    specs = (*signature.inputs, *signature.outputs)
    return [(spec.name, spec.datatype, spec.shape, spec.columns) for spec in specs]


def _only_input(core: Predictor, pipeline: Pipeline) -> str:
    names = [spec.name for spec in core.signature.inputs]
    if len(names) != 1 or (pipeline.head and len(core.signature.outputs) != 1):
        raise InvalidInput("a core has one input, and one output for its head: train it again")
    if not pipeline.encoders and pipeline.tensor != names[0]:
        raise InvalidInput(
            f"the core takes {names[0]!r}, not the {pipeline.tensor!r} of its pipeline: train it "
            "again"
        )
    return names[0]
