"""PyTorch on one thread, for the length of a block: sums are then added in one order.

Its switch for deterministic algorithms is about GPUs, and imports its compiler, 1.5 CPU-seconds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lichen.frameworks.networks.computation import Torch

PROCESSOR = Path("/proc/cpuinfo")
NATIVE = ("avx512_bf16", "amx_bf16", "bf16")


@contextmanager
def settled(torch: Torch) -> Iterator[None]:
    """The same input gives the same bytes in here; whatever was set before is so again after."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(threads)


def has_bfloat16(processor: Path = PROCESSOR) -> bool:
    """Whether the processor itself multiplies bfloat16: elsewhere it is slower than float32."""
    try:
        words = processor.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False
    return not set(NATIVE).isdisjoint(words)
