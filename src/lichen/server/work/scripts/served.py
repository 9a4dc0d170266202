"""What is kept of a script's model, proven and tried out; of probabilities with their classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput, LichenError
from lichen.core.ids import digest_of
from lichen.core.tensors import Datatype, Signature, named_signature
from lichen.frameworks.importing.comparison import Faithfulness, check_faithful
from lichen.frameworks.importing.conversion import Conversion
from lichen.frameworks.importing.unoptimised import TOLERANCE, compared_unoptimised, library
from lichen.frameworks.onnx import MODEL_FILE, OnnxPredictor, check_model
from lichen.frameworks.onnx_checks import check_graph, opset_of
from lichen.pipeline.declaration import Classes, Pipeline
from lichen.pipeline.files import PIPELINE_FILE, pipeline_files
from lichen.pipeline.heads import answering, check_columns
from lichen.pipeline.signature import pipeline_signature
from lichen.registry.manifest import Provenance
from lichen.server.work.importing.leavings import check_registered
from lichen.serving.forms import predictor_of
from lichen.training.scripts.desk import Registration

FORMAT, SOURCE = "training script", "run.register"
_SCAN = "nothing to look for: the script gave the model while it ran, and nothing was unpickled"


@dataclass(frozen=True, slots=True)
class ServedForm:
    """The files of a version, what a deployment of it takes and gives, and how faithful it is."""

    files: Mapping[str, bytes]
    signature: Signature
    provenance: Provenance


def served_form(asked: Registration) -> ServedForm:
    """The model once it was checked, loaded, run, and compared with what its library answered.

    Raises:
        InvalidInput: it cannot be served, or would answer otherwise; the message says what to do.
    """
    made = asked.model
    check_registered(made.files)
    content = made.files.get(MODEL_FILE)
    if not content:
        raise InvalidInput("the model has no bytes: export it again, and register that")
    check_graph(content)
    signature, made, faithful = _proven(made, content)
    provenance = Provenance(
        format=FORMAT,
        source=SOURCE,
        sha256=digest_of(content),
        library=made.library,
        inputs=faithful.inputs,
        largest_difference=faithful.largest_difference,
        tolerance=made.trial.tolerance,
        opset=opset_of(content),
        scan=_SCAN,
        notes=made.notes,
    )
    files, signature = _called(asked, made.files, signature)
    return ServedForm(files, signature, provenance)


def _proven(made: Conversion, content: bytes) -> tuple[Signature, Conversion, Faithfulness]:
    """What it takes and gives, who answered for it, and how far it is from that."""
    if not made.trial.inputs:
        if set(made.files) != {MODEL_FILE}:
            raise InvalidInput("a model that nobody answered for is one network and nothing beside")
        signature = check_model(content)
        trial = replace(made.trial, tolerance=TOLERANCE)
        told = replace(made, library=library(), trial=trial)
        return signature, told, compared_unoptimised(content, signature)
    try:
        predictor = predictor_of(made.files, made.signature)
    except LichenError as error:
        raise InvalidInput(f"the model, converted, cannot be served: {error}") from error
    try:
        return predictor.signature, made, check_faithful(predictor, made)
    finally:
        predictor.close()


def _called(
    asked: Registration, files: Mapping[str, bytes], signature: Signature
) -> tuple[Mapping[str, bytes], Signature]:
    """The names that the script gave to values of rows, and to classes."""
    if _knows_classes(signature):
        return files, _named(signature, asked, asked.labels)
    named = _named(signature, asked, () if asked.classes else asked.labels)
    if not asked.classes:
        return files, named
    if PIPELINE_FILE in files or len(signature.inputs) != 1 or len(signature.outputs) != 1:
        raise InvalidInput(
            "classes are for models of one input and one output, their probabilities: leave them "
            "out, or export one output alone"
        )
    pipeline = Pipeline(
        head=Classes(labels=list(asked.classes), link="probability"),
        tensor=signature.inputs[0].name,
    )
    _try(files[MODEL_FILE], pipeline)
    kept = {**files, **pipeline_files(pipeline)}
    return kept, pipeline_signature(pipeline, named.inputs[0])


def _knows_classes(signature: Signature) -> bool:
    """Does it answer classes by their names already?"""
    return any(one.datatype is Datatype.BYTES for one in signature.outputs)


def _named(signature: Signature, asked: Registration, labels: Sequence[str]) -> Signature:
    known = {name for one in signature.inputs for name in one.columns}
    columns = () if known and known <= set(asked.columns) else asked.columns  # some are not taken
    if len(labels) == 1 and [one.shape for one in signature.outputs] == [(-1,)]:
        (answer,) = signature.outputs  # a number a row, which has no columns to be named
        said = replace(answer, description=labels[0])
        return named_signature(Signature(signature.inputs, (said,)), columns, ())
    return named_signature(signature, columns, labels)


def _try(content: bytes, pipeline: Pipeline) -> None:
    """Refuse classes that do not fit what the model answers."""
    core = OnnxPredictor(content)
    (raw,) = core.predict(Batch(core.example(1).arrays)).arrays.values()
    core.close()
    if pipeline.head is not None:
        check_columns(pipeline.head, raw)
        answering(pipeline.head).answer(raw)
