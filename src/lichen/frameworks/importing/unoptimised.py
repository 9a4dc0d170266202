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
        rows = _rows(content) if optimised.joins_rows else 1
        pool = optimised.example(rows)
        for at in range(0, rows, _AT_ONCE):
            batch = pool
            if optimised.joins_rows:
                batch = Batch({key: one[at : at + _AT_ONCE] for key, one in pool.items()})
            answers = plain.predict(batch).arrays
            trial = Trial(inputs=batch.arrays, outputs=answers, tolerance=TOLERANCE, is_one=True)
            worst = max(worst, compared(trial, optimised.predict(batch)).largest_difference)
            count = min(rows, at + _AT_ONCE)
    except LichenError:
        return NOT_COMPARED
    finally:
        optimised.close()
        plain.close()
    return Faithfulness(count, worst, "", None) if worst <= TOLERANCE else NOT_COMPARED


def _rows(content: bytes) -> int:
    return next((rows for most, rows in _ROWS_BY_BYTES if len(content) <= most), _FEW_ROWS)
