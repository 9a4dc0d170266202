"""Libraries of accelerators that stand for the real ones where there is no card: tests and what-if.

They have the functions of `pynvml` and `amdsmi` that we call, with the names, arguments, answers
and errors that their documentation gives. No card of either maker was at hand when this was
written: what is proved with them is our side alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class ReplayCard:
    """One card, moved by hand: its counter, and what was sampled of whom (pid, percent)."""

    name: str = "NVIDIA A100-SXM4-40GB"
    microjoules: int = 0
    sampled: list[tuple[int, int]] = field(default_factory=list)
    running: list[int] = field(default_factory=list)
    lost: bool = False
    has_counter: bool = True
    tells_utilisation: bool = True

    def compute(self, joules: float, **percent_by_pid: int) -> None:
        """Go on: draw so much, while processes named `p<pid>` took a part of its units."""
        self.microjoules += round(joules * 1_000_000)
        self.sampled += [(int(pid[1:]), percent) for pid, percent in percent_by_pid.items()]


class NVMLError(Exception):
    """As `pynvml` raises it: `value` is one of its `NVML_ERROR_` numbers."""

    def __init__(self, value: int) -> None:
        super().__init__(f"NVML error {value}")
        self.value = value


@dataclass(frozen=True, slots=True)
class UtilisationSample:
    """As `nvmlProcessUtilizationSample_t`; the fields that are read."""

    pid: int
    timeStamp: int  # noqa: N815 - the library's name
    smUtil: int  # noqa: N815 - the library's name


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """As `nvmlProcessInfo_t`; the field that is read."""

    pid: int


class ReplayNvml:
    """As the module `pynvml`: cards of NVIDIA."""

    NVMLError = NVMLError
    NVML_ERROR_NOT_SUPPORTED = 3
    NVML_ERROR_NOT_FOUND = 6
    NVML_ERROR_DRIVER_NOT_LOADED = 9
    NVML_ERROR_GPU_IS_LOST = 15

    def __init__(self, cards: Sequence[ReplayCard], *, driver: bool = True) -> None:
        self.cards = cards
        self.driver = driver
        self.started = 0
        self._now_us = 0

    def nvmlInit(self) -> None:  # noqa: N802 - the library's name
        """Fails without a driver."""
        if not self.driver:
            raise NVMLError(self.NVML_ERROR_DRIVER_NOT_LOADED)
        self.started += 1

    def nvmlShutdown(self) -> None:  # noqa: N802 - the library's name
        """Counted, as the driver counts it."""
        self.started -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802 - the library's name
        """How many cards."""
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> ReplayCard:  # noqa: N802 - the library's name
        """The card itself."""
        return self.cards[index]

    def nvmlDeviceGetName(self, handle: ReplayCard) -> str:  # noqa: N802 - the library's name
        """Its name."""
        return handle.name

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: ReplayCard) -> int:  # noqa: N802 - the library's name
        """Millijoules since the driver was loaded."""
        if handle.lost:
            raise NVMLError(self.NVML_ERROR_GPU_IS_LOST)
        if not handle.has_counter:
            raise NVMLError(self.NVML_ERROR_NOT_SUPPORTED)
        return handle.microjoules // 1000

    def nvmlDeviceGetProcessUtilization(  # noqa: N802 - the library's name
        self,
        handle: ReplayCard,
        timeStamp: int,  # noqa: N803 - the library's name
    ) -> list[UtilisationSample]:
        """Samples since then; an error where there are none, as the real one."""
        if not handle.tells_utilisation:
            raise NVMLError(self.NVML_ERROR_NOT_SUPPORTED)
        self._now_us = max(self._now_us, timeStamp) + 1
        new, handle.sampled = handle.sampled, []
        if not new:
            raise NVMLError(self.NVML_ERROR_NOT_FOUND)
        return [UtilisationSample(pid, self._now_us, percent) for pid, percent in new]

    def nvmlDeviceGetComputeRunningProcesses(self, handle: ReplayCard) -> list[RunningProcess]:  # noqa: N802 - the library's name
        """Who has work on it."""
        return [RunningProcess(pid) for pid in handle.running]


class AmdSmiException(Exception):
    """As `amdsmi` raises it."""


class ReplayAmdSmi:
    """As the module `amdsmi`: cards of AMD, which count in steps of 15.3 microjoules."""

    AmdSmiException = AmdSmiException
    RESOLUTION = 15.3

    def __init__(self, cards: Sequence[ReplayCard], *, driver: bool = True) -> None:
        self.cards = cards
        self.driver = driver
        self.started = 0

    def amdsmi_init(self) -> None:
        """Fails without a driver."""
        if not self.driver:
            raise AmdSmiException("Error code:\n\t34 | AMDSMI_STATUS_NOT_INIT")
        self.started += 1

    def amdsmi_shut_down(self) -> None:
        """Counted."""
        self.started -= 1

    def amdsmi_get_processor_handles(self) -> list[ReplayCard]:
        """The cards themselves."""
        return list(self.cards)

    def amdsmi_get_energy_count(self, processor_handle: ReplayCard) -> Mapping[str, float]:
        """The accumulator, what one step of it is in microjoules, and when it was read."""
        if processor_handle.lost or not processor_handle.has_counter:
            raise AmdSmiException("Error code:\n\t2 | AMDSMI_STATUS_NOT_SUPPORTED")
        steps = round(processor_handle.microjoules / self.RESOLUTION)
        return {
            "energy_accumulator": steps,
            "counter_resolution": self.RESOLUTION,
            "timestamp": 0,
        }

    def amdsmi_get_gpu_process_list(
        self, processor_handle: ReplayCard
    ) -> list[Mapping[str, object]]:
        """Who has work on it, and how many compute units that takes."""
        if not processor_handle.tells_utilisation:
            raise AmdSmiException("Error code:\n\t2 | AMDSMI_STATUS_NOT_SUPPORTED")
        new, processor_handle.sampled = processor_handle.sampled, []
        return [
            {"pid": pid, "cu_occupancy": units, "engine_usage": {"gfx": 0, "enc": 0}}
            for pid, units in new
        ]
