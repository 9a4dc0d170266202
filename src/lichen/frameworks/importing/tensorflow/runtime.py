"""TensorFlow itself: quiet, on the CPU, one thread, and the same numbers each time."""

import logging
import os
import re
import sys
import warnings
from typing import Any

from lichen.core.errors import Unavailable

_SAID = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_DETERMINISTIC_OPS": "1",
}
_TRACE = re.compile(
    r"\s*(in user code:|File \"[^\"]*\", line \d+, in \S+( \*\*)?|[\w./-]*/[\w./-]+)"
)
_LONGEST_REASON = 300
_PASSED_OVER = ("sklearn", "pandas", "pyarrow", "scipy", "jax", "torch")
"""Keras takes these along where it finds them, half of its start; nothing here needs them."""
_NOISY = ("tensorflow", "tf2onnx", "absl", "h5py")


def tensorflow() -> Any:  # noqa: ANN401 - TensorFlow has no types
    """The module, set up before its first use.

    Raises:
        Unavailable: it is not installed.
    """
    for name, value in _SAID.items():
        os.putenv(name, value)  # its native part reads them when it loads
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    for name in _PASSED_OVER:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    try:
        import tensorflow as tf
    except ImportError as missing:
        raise Unavailable("reading this model needs TensorFlow: install lichen[keras]") from missing
    tf.get_logger().setLevel(logging.CRITICAL)
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.config.set_visible_devices([], "GPU")
    except RuntimeError:  # it ran before, in a process that had it already: it is as it is
        logging.getLogger(__name__).debug("TensorFlow was in use before")
    return tf


def library() -> str:
    """What answered: `TensorFlow 2.21.0, Keras 3.15.1`."""
    from importlib.metadata import version

    tf = tensorflow()
    return f"TensorFlow {tf.__version__}, Keras {version('keras')}"


def reason(error: Exception) -> str:
    """What TensorFlow or Keras said, on one line and without its paths."""
    said = " ".join(_TRACE.sub(" ", str(error)).split())
    return said[:_LONGEST_REASON] or type(error).__name__
