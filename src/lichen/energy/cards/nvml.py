"""NVIDIA cards, by the driver's total-energy counter (NVML), through `nvidia-ml-py` (M1).

`nvmlDeviceGetTotalEnergyConsumption` gives millijoules since the driver was loaded, on cards from
Volta on. Whose they are is told by the sampled utilisation of the multiprocessors by each process,
`nvmlDeviceGetProcessUtilization`; where the driver does not keep it (partitioned and virtual cards)
a process that is alone on its card is known by `nvmlDeviceGetComputeRunningProcesses`.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from lichen.core.errors import Unavailable
from lichen.core.plugins import load_module

LIBRARY = "pynvml"
NANOJOULES_PER_MILLIJOULE = 1_000_000


def load_library() -> Any:  # noqa: ANN401 - a module without types
    """The module `pynvml` of the package `nvidia-ml-py`.

    Raises:
        Unavailable: it is not installed.
    """
    try:
        return load_module(LIBRARY)
    except ImportError as error:
        raise Unavailable(
            "NVIDIA cards are read with nvidia-ml-py, which is not installed: "
            "pip install 'lichen[nvml]'"
        ) from error


class NvmlDevice:
    """One NVIDIA card."""

    def __init__(self, library: Any, index: int) -> None:  # noqa: ANN401 - a module without types
        self._library = library
        self._handle = library.nvmlDeviceGetHandleByIndex(index)
        self.name = f"{_text(library.nvmlDeviceGetName(self._handle))} {index}"
        self._seen_us = 0

    def raw_nj(self) -> int:
        """Its counter.

        Raises:
            Unavailable: the driver does not tell, or the card is lost.
        """
        try:
            millijoules = int(self._library.nvmlDeviceGetTotalEnergyConsumption(self._handle))
        except self._library.NVMLError as error:
            raise Unavailable(f"the energy of {self.name} cannot be read: {error}") from error
        return millijoules * NANOJOULES_PER_MILLIJOULE

    def shares(self) -> Mapping[int, int]:
        """Percent of the multiprocessors by each process, summed over the new samples."""
        try:
            new = self._library.nvmlDeviceGetProcessUtilization(self._handle, self._seen_us)
        except self._library.NVMLError as error:
            if error.value == self._library.NVML_ERROR_NOT_FOUND:
                return {}
            return self._who_is_alone()
        found: Counter[int] = Counter()
        for sample in new:
            if sample.timeStamp > self._seen_us:
                found[int(sample.pid)] += int(sample.smUtil)
        self._seen_us = max([self._seen_us, *(int(sample.timeStamp) for sample in new)])
        return found

    def _who_is_alone(self) -> Mapping[int, int]:
        """The one process that has work on the card, if it is one."""
        try:
            running = self._library.nvmlDeviceGetComputeRunningProcesses(self._handle)
        except self._library.NVMLError:
            return {}
        return {int(running[0].pid): 1} if len(running) == 1 else {}


class Nvml:
    """All NVIDIA cards that have an energy counter.

    Raises:
        Unavailable: no library, no driver, or no such card.
    """

    name = "nvml"
    tells_processes = True

    def __init__(self, library: Any = None) -> None:  # noqa: ANN401 - a module without types
        self._library = load_library() if library is None else library
        try:
            self._library.nvmlInit()
        except self._library.NVMLError as error:
            raise Unavailable(f"no NVIDIA driver answers: {error}") from error
        self.devices = tuple(self._counted())
        if not self.devices:
            self.close()
            raise Unavailable("no NVIDIA card with an energy counter: those from Volta on have one")

    def _counted(self) -> list[NvmlDevice]:
        found = []
        try:
            for index in range(self._library.nvmlDeviceGetCount()):
                device = NvmlDevice(self._library, index)
                try:
                    device.raw_nj()
                except Unavailable:
                    continue
                found.append(device)
        except self._library.NVMLError:
            return found
        return found

    def close(self) -> None:
        """Let go of the driver."""
        try:
            self._library.nvmlShutdown()
        except self._library.NVMLError:
            return


def _text(name: str | bytes) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else name
