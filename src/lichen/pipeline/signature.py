"""What a deployed pipeline takes and gives: raw columns by name, and the outputs of its head."""

from lichen.core.tensors import ColumnKind, ColumnSpec, Datatype, Signature, TensorSpec
from lichen.pipeline.declaration import (
    Alarm,
    Classes,
    Codes,
    Embedding,
    Encoders,
    Entities,
    Groups,
    Heads,
    Moment,
    Number,
    OneHot,
    Pipeline,
    Ranking,
    Subwords,
    Tokens,
    Value,
    Vector,
    Words,
)

NUMBERS, TEXTS = "numbers", "texts"


def pipeline_signature(pipeline: Pipeline, tensor: TensorSpec | None = None) -> Signature:
    """The signature that a pipeline is served under.

    Its inputs are `numbers` FP64 `(rows, k)` and `texts` BYTES `(rows, m)`, their columns named,
    each present only where there is such a column. A NaN, and an empty text, is missing.

    Args:
        pipeline: with encoders, or with a tensor.
        tensor: of a pipeline without encoders: what the core takes.
    """
    inputs = (tensor,) if tensor else _columns(pipeline)
    return Signature(inputs, outputs_of(pipeline.head) if pipeline.head else ())


def _columns(pipeline: Pipeline) -> tuple[TensorSpec, ...]:
    numbers = number_columns(pipeline)
    texts = text_columns(pipeline)
    made = []
    if numbers:
        said = "a NaN is a value that is missing; true is 1, false is 0"
        made.append(
            TensorSpec(
                NUMBERS,
                Datatype.FP64,
                (-1, len(numbers)),
                description=said,
                columns=numbers,
                missing=True,
                details=_details(pipeline, numbers),
            )
        )
    if texts:
        said = "an empty text is a value that is missing"
        details = _details(pipeline, texts)
        shape = (-1, len(texts))
        made.append(
            TensorSpec(
                TEXTS, Datatype.BYTES, shape, description=said, columns=texts, details=details
            )
        )
    return tuple(made)


def _details(pipeline: Pipeline, columns: tuple[str, ...]) -> tuple[ColumnSpec, ...]:
    """What each raw column is, by the first encoder of it; it may be lacking if all allow that."""
    first = first_encoders(pipeline)
    required = {one.column for one in pipeline.encoders if not one.may_lack}
    return tuple(
        ColumnSpec(_kind(first[name]), _unit(first[name]), name not in required) for name in columns
    )


def first_encoders(pipeline: Pipeline) -> dict[str, Encoders]:
    """Of each raw column the first encoder, which says what the column is."""
    return {one.column: one for one in reversed(pipeline.encoders)}


def _unit(said: Encoders) -> str | None:
    return said.unit if isinstance(said, Number) else None


def _kind(said: Encoders) -> ColumnKind:
    match said:
        case Number():
            return ColumnKind.TRUTH if said.is_boolean else ColumnKind.NUMBER
        case Moment():
            return ColumnKind.TIME
        case OneHot() | Codes() | Words() | Tokens() | Embedding() | Subwords():
            return ColumnKind.TEXT


def number_columns(pipeline: Pipeline) -> tuple[str, ...]:
    """The raw columns of numbers, each once, in the order of the encoders."""
    return _named(pipeline, is_number=True)


def text_columns(pipeline: Pipeline) -> tuple[str, ...]:
    """The raw columns of texts, each once, in the order of the encoders."""
    return _named(pipeline, is_number=False)


def _named(pipeline: Pipeline, *, is_number: bool) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            one.column for one in pipeline.encoders if isinstance(one, Number) is is_number
        )
    )


def outputs_of(head: Heads) -> tuple[TensorSpec, ...]:
    """The tensors that a head answers."""
    match head:
        case Value():
            names = (
                ("prediction", "low", "high") if head.half_width is not None else ("prediction",)
            )
            return tuple(TensorSpec(name, Datatype.FP64, (-1,), head.unit) for name in names)
        case Classes():
            return _of_classes(head)
        case Alarm():
            return _of_alarm(head)
        case Groups() | Ranking():
            return _of_sets(head)
        case Vector() | Entities():
            return _of_network(head)


def _of_sets(head: Groups | Ranking) -> tuple[TensorSpec, ...]:
    if isinstance(head, Ranking):
        return (
            TensorSpec("items", Datatype.BYTES, (-1, head.top)),
            TensorSpec("score", Datatype.FP32, (-1, head.top)),
        )
    topic = (TensorSpec("topic", Datatype.BYTES, (-1,)),) if head.topics else ()
    return (
        TensorSpec("prediction", Datatype.INT64, (-1,)),
        TensorSpec("membership", Datatype.FP32, (-1, head.clusters)),
        *topic,
    )


def _of_network(head: Vector | Entities) -> tuple[TensorSpec, ...]:
    if isinstance(head, Entities):
        said = "JSON: a list of start, end, text and label"
        return (TensorSpec("entities", Datatype.BYTES, (-1,), description=said),)
    columns = tuple(head.columns)
    return (TensorSpec(head.name, Datatype.FP32, (-1, head.width), columns=columns),)


def _of_alarm(head: Alarm) -> tuple[TensorSpec, ...]:
    statistics, columns = tuple(head.statistics), tuple(head.columns)
    made = [
        TensorSpec("anomaly", Datatype.BOOL, (-1,)),
        TensorSpec("score", Datatype.FP64, (-1, len(statistics)), columns=statistics),
    ]
    if columns:
        shape = (-1, len(columns))
        made.append(TensorSpec("contribution", Datatype.FP64, shape, columns=columns))
    return tuple(made)


def _of_classes(head: Classes) -> tuple[TensorSpec, ...]:
    labels = tuple(head.labels)
    shape = (-1, len(labels))
    made = [
        TensorSpec("prediction", Datatype.BYTES, (-1,)),
        TensorSpec("probability", Datatype.FP32, shape, columns=labels),
    ]
    if head.set_threshold is not None:
        made.append(TensorSpec("in_set", Datatype.BOOL, shape, columns=labels))
    return tuple(made)
