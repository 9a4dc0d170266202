"""A training that is not done: what it takes to go on with it, as bytes without code."""

import io
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from hashlib import sha256
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.networks.layers import Layers
from lichen.frameworks.networks.rows import NetworkRows, parts_of
from lichen.frameworks.networks.settings import NetworkSettings

Arrays = Mapping[str, NDArray[Any]]


class NetworkNursery(Protocol):
    """Keeps networks while they are trained, so that one that was cut off goes on."""

    @property
    def is_keen(self) -> bool:
        """Whether an unfinished network is to be handed over now."""
        ...

    def kept(self, key: str) -> bytes | None:
        """What was kept of the training of this key; None: nothing."""
        ...

    def keep(self, key: str, body: bytes) -> None:
        """Take a network, trained or not, in place of what was kept of its key."""
        ...


class NoNetworkNursery:
    """Keeps nothing."""

    is_keen = False

    def kept(self, key: str) -> None:  # noqa: ARG002 - there is none
        """Nothing was kept."""
        return

    def keep(self, key: str, body: bytes) -> None:
        """Let it go."""


@dataclass(slots=True)
class MemoryNursery:
    """Keeps networks in memory, each time it may."""

    bodies: dict[str, bytes]
    is_keen: bool = True

    def kept(self, key: str) -> bytes | None:
        """What was kept."""
        return self.bodies.get(key)

    def keep(self, key: str, body: bytes) -> None:
        """Keep it."""
        self.bodies[key] = body


def written(arrays: Arrays) -> bytes:
    """Arrays as a NumPy archive; equal arrays give equal bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def read(body: bytes) -> dict[str, NDArray[Any]] | None:
    """The arrays of an archive; None where it is damaged, or of another release."""
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, KeyError, EOFError, OSError, BadZipFile):
        return None


def key_of(layers: Layers, settings: NetworkSettings, rows: tuple[NetworkRows, ...]) -> str:
    """Names a training: the same network comes of the same layers, settings and rows."""
    digest = sha256(repr((layers, astuple(settings))).encode())
    for part in rows:
        digest.update(repr((part.features.shape, str(part.features.dtype), part.classes)).encode())
        for features in parts_of(part.features):
            digest.update(np.ascontiguousarray(features).tobytes())
        for array in (part.target, part.weights):
            digest.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
