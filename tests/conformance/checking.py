"""What the clients' checks share: the values they send, and how their outcomes are told."""

import json
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

VALUES: dict[str, Any] = {
    "BOOL": np.array([[True, False], [False, True]]),
    "UINT8": np.array([[0, 255], [1, 2]], np.uint8),
    "UINT16": np.array([[0, 65535], [1, 2]], np.uint16),
    "UINT32": np.array([[0, 2**32 - 1], [1, 2]], np.uint32),
    "UINT64": np.array([[0, 2**64 - 1], [1, 2]], np.uint64),
    "INT8": np.array([[-128, 127], [1, 2]], np.int8),
    "INT16": np.array([[-(2**15), 2**15 - 1], [1, 2]], np.int16),
    "INT32": np.array([[-(2**31), 2**31 - 1], [1, 2]], np.int32),
    "INT64": np.array([[-(2**63), 2**63 - 1], [1, 2]], np.int64),
    "FP16": np.array([[0.5, -65504.0], [1e-3, 2.0]], np.float16),
    "FP32": np.array([[0.1, -3e38], [1e-30, 2.0]], np.float32),
    "FP64": np.array([[0.1, -1e300], [1e-300, 2.0]], np.float64),
    "BYTES": np.array([["é", ""], ["a\n", "水" * 100]], dtype=object),
}
"""Limits, fractions and texts of each datatype."""


def tell(namespace: Mapping[str, Any]) -> None:
    """Run every function `check_...` and print its name, and null or what went wrong, as JSON."""
    told: dict[str, str | None] = {}
    for name, check in _checks(namespace).items():
        try:
            check()
        except BaseException:  # noqa: BLE001 - it is the outcome; groups of failures are among it
            told[name] = traceback.format_exc(limit=-2)
        else:
            told[name] = None
    print(json.dumps(told))  # noqa: T201 - read by the test


async def tell_of(namespace: Mapping[str, Any], client: Any) -> None:
    """The same for checks that are coroutines and take a client."""
    told: dict[str, str | None] = {}
    for name, check in _checks(namespace).items():
        try:
            await check(client)
        except Exception:  # noqa: BLE001 - it is the outcome
            told[name] = traceback.format_exc(limit=-2)
        else:
            told[name] = None
    print(json.dumps(told))  # noqa: T201 - read by the test


def _checks(namespace: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    return {name: one for name, one in namespace.items() if name.startswith("check_")}
