"""ONNX Runtime alone, without any server: rows per CPU-second at one batch size."""

import sys
import time

import numpy as np
from session import INPUT, open_session


def main(model: str, rows: int, seconds: float) -> None:
    session = open_session(model)
    features = session.get_inputs()[0].shape[1]
    random = np.random.default_rng(rows)
    inputs = list(random.normal(size=(256, rows, features)).astype(np.float32))
    until, count = time.monotonic() + seconds / 4, 0
    while time.monotonic() < until:  # warm
        session.run(None, {INPUT: inputs[0]})
    began, until = time.process_time_ns(), time.monotonic() + seconds
    while time.monotonic() < until:
        session.run(None, {INPUT: inputs[count % 256]})
        count += 1
    print(count * rows / (time.process_time_ns() - began) * 1e9)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
