"""What one answer costs, by answering as a deployment does: encode a row, run core and head."""

from collections.abc import Callable, Mapping

from lichen.core.batch import Array, Batch
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import INPUT, OUTPUT
from lichen.frameworks.operations import operations_of
from lichen.pipeline.declaration import Pipeline
from lichen.pipeline.embeddings import Embed
from lichen.pipeline.encoding import Encoding
from lichen.pipeline.heads import answering
from lichen.training.choosing.contender import Served
from lichen.training.watch import EnergyGauge

ROUNDS = 15
ANSWERS_A_ROUND = 10


def served_cost(
    pipeline: Pipeline,
    arrays: Mapping[str, Array],
    core: bytes,
    row: Mapping[str, Array],
    gauge: EnergyGauge,
    embed: Embed | None = None,
) -> Served:
    """What one answer of a pipeline and its core costs.

    Args:
        pipeline: with encoders and a head.
        arrays: of its encoders.
        core: the ONNX model.
        row: the tensors of one raw row.
        gauge: meters this process; the least of several rounds counts, since whatever else the
            process does can only add.
        embed: the sentence encoder, where an encoder is of one.
    """
    encoding, predictor = Encoding(pipeline, arrays, None, embed), OnnxPredictor(core)
    head = None if pipeline.head is None else answering(pipeline.head)

    def answer() -> None:
        raw = predictor.predict(Batch({INPUT: encoding.encode(row)}))[OUTPUT]
        if head is not None:
            head.answer(raw)

    nj = nanojoules_of(answer, gauge)
    predictor.close()
    return Served(nj, operations_of(core))


def nanojoules_of(answer: Callable[[], None], gauge: EnergyGauge) -> int | None:
    """What answering once costs: the least of several rounds; None where nothing meters it (M5)."""
    answer()
    rounds = []
    for _ in range(ROUNDS):
        before = gauge.spent()
        if before is None:
            break
        for _ in range(ANSWERS_A_ROUND):
            answer()
        after = gauge.spent()
        if after is not None and after.nj > before.nj:
            rounds.append(after.nj - before.nj)
    return min(rounds) // ANSWERS_A_ROUND if rounds else None
