"""What is kept of a script's model, tried out: ONNX alone, or with a head that names the class."""

from collections.abc import Mapping
from dataclasses import dataclass

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Signature, named_signature
from lichen.frameworks.onnx import MODEL_FILE, OnnxPredictor, check_model
from lichen.pipeline.declaration import Classes, Pipeline
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.heads import answering, check_columns
from lichen.pipeline.signature import pipeline_signature
from lichen.training.scripts.desk import Registration


@dataclass(frozen=True, slots=True)
class ServedForm:
    """The files of a version, and what a deployment of it takes and gives."""

    files: Mapping[str, bytes]
    signature: Signature


def served_form(asked: Registration) -> ServedForm:
    """The model once it was checked, loaded and run.

    Raises:
        InvalidInput: it cannot be served; the message says what to do.
    """
    content = asked.model.content
    if not content:
        raise InvalidInput("the model has no bytes: export it again, and register that")
    signature = named_signature(check_model(content), asked.columns, asked.labels)
    if not asked.classes:
        return ServedForm({MODEL_FILE: content}, signature)
    if len(signature.inputs) != 1 or len(signature.outputs) != 1:
        raise InvalidInput(
            "classes are for models of one input and one output, their probabilities: leave them "
            "out, or export one output alone"
        )
    pipeline = Pipeline(
        head=Classes(labels=list(asked.classes), link="probability"),
        tensor=signature.inputs[0].name,
    )
    _try(content, pipeline)
    files = {MODEL_FILE: content, **pipeline_files(pipeline)}
    return ServedForm(files, pipeline_signature(pipeline, signature.inputs[0]))


def _try(content: bytes, pipeline: Pipeline) -> None:
    """Refuse classes that do not fit what the model answers."""
    core = OnnxPredictor(content)
    (raw,) = core.predict(Batch(core.example(1).arrays)).arrays.values()
    core.close()
    if pipeline.head is not None:
        check_columns(pipeline.head, raw)
        answering(pipeline.head).answer(raw)
