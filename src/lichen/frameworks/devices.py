"""What a model computes on, and whether this machine has it. No NumPy: control asks as well."""

from pathlib import Path
from typing import Literal

from lichen.core.errors import InvalidInput

Device = Literal["auto", "cpu", "cuda"]
DEVICES = Path("/dev")
_NODES = ("nvidiactl", "nvidia0", "dxg")
"""Device files of NVIDIA's driver: its own, and the one through which WSL2 lends it."""
CUDA_WORTH = 0.1
"""A GPU is worth its power where it takes less than this share of one core's time: it draws some
ten times what a core does, 50 to 300 W beside 4 (M2)."""


def has_cuda() -> bool:
    """Whether NVIDIA's driver shows a device here; nothing is loaded for the answer."""
    return any((DEVICES / node).exists() for node in _NODES)


def check_device(device: Device) -> None:
    """Refuse a device that this machine certainly lacks.

    Raises:
        InvalidInput: it is not there; the message says what to do.
    """
    if device == "cuda" and not has_cuda():
        raise InvalidInput(
            "device cuda is absent, this machine shows no NVIDIA device: "
            "deploy with --device cpu, or where there is one"
        )


def cuda_gains(cpu_ns: float, cuda_ns: float) -> bool:
    """Whether the time that a batch takes on a GPU makes up for the power that it draws; pure."""
    return cuda_ns < CUDA_WORTH * cpu_ns
