"""ONNX that was made elsewhere: its answers beside those of its operators as they stand."""

from lichen.core.batch import Batch
from lichen.core.errors import LichenError
from lichen.core.tensors import Signature
from lichen.frameworks.importing.comparison import Faithfulness, compared
from lichen.frameworks.importing.conversion import Trial
from lichen.frameworks.onnx import OnnxPredictor, runtime_version

TOLERANCE = 1e-3
NOT_COMPARED = Faithfulness(0, 0.0, "", None)
_ROWS_BY_BYTES = ((2**20, 1000), (2**25, 100))
_FEW_ROWS = 4
_AT_ONCE = 50
_MOST_BYTES, _MOST_BYTES_AT_ONCE = 2**26, 2**24
"""Of rows in memory: those of a picture are few."""


def library() -> str:
    """What answers the trial."""
    return f"ONNX Runtime {runtime_version()} without optimising"


def compared_unoptimised(content: bytes, signature: Signature) -> Faithfulness:
    """How far a model's answers are from those of its operators run one by one.

    Of no inputs where that cannot be told: random ones are too far from what it takes.
    """
    optimised = OnnxPredictor(content, signature)
    plain = OnnxPredictor(content, signature, optimises=False)
    worst, count = 0.0, 0
    try:
        row_bytes = max(1, sum(one.nbytes for one in optimised.example(1).arrays.values()))
        rows = _rows(content, row_bytes) if optimised.joins_rows else 1
        at_once = max(1, min(_AT_ONCE, _MOST_BYTES_AT_ONCE // row_bytes))
        pool = optimised.example(rows)
        for at in range(0, rows, at_once):
            batch = pool
            if optimised.joins_rows:
                batch = Batch({key: one[at : at + at_once] for key, one in pool.items()})
            answers = plain.predict(batch).arrays
            trial = Trial(inputs=batch.arrays, outputs=answers, tolerance=TOLERANCE, is_one=True)
            worst = max(worst, compared(trial, optimised.predict(batch)).largest_difference)
            count = min(rows, at + at_once)
    except LichenError:
        return NOT_COMPARED
    finally:
        optimised.close()
        plain.close()
    return Faithfulness(count, worst, "", None) if worst <= TOLERANCE else NOT_COMPARED


def _rows(content: bytes, row_bytes: int) -> int:
    rows = next((rows for most, rows in _ROWS_BY_BYTES if len(content) <= most), _FEW_ROWS)
    return max(1, min(rows, _MOST_BYTES // row_bytes))
