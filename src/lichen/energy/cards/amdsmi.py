"""AMD cards, by the energy accumulator that AMD SMI reads, through ROCm's own `amdsmi` (M1).

`amdsmi_get_energy_count` gives an accumulator and its resolution in microjoules (15.3 on current
cards). Whose the energy is: by the compute units that each process occupies
(`amdsmi_get_gpu_process_list`, `cu_occupancy`), or its time on the graphics engine where the
driver counts no units. The library comes with ROCm, in `/opt/rocm/share/amd_smi`, and has to be of
the driver's version; Linux itself shows no energy counter of these cards (`hwmon`: power alone).
"""

from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from lichen.core.errors import Unavailable
from lichen.core.plugins import load_module

NANOJOULES_PER_MICROJOULE = 1000


def load_library() -> Any:  # noqa: ANN401 - a module without types
    """The module `amdsmi`.

    Raises:
        Unavailable: it is not installed, or finds no ROCm.
    """
    try:
        with redirect_stdout(StringIO()):  # without ROCm it prints why, into what we print
            return load_module("amdsmi")
    except (ImportError, OSError, KeyError, AttributeError) as error:
        raise Unavailable(
            "AMD cards are read with the amdsmi that comes with ROCm, which is not there: "
            "pip install /opt/rocm/share/amd_smi"
        ) from error


class AmdDevice:
    """One AMD card."""

    def __init__(self, library: Any, handle: Any, index: int) -> None:  # noqa: ANN401 - a module without types
        self._library = library
        self._handle = handle
        self.name = f"AMD {index}"
        self._engine_ns: dict[int, int] = {}

    def raw_nj(self) -> int:
        """Its accumulator times its resolution.

        Raises:
            Unavailable: the driver does not tell; it never does within a virtual machine.
        """
        try:
            told = self._library.amdsmi_get_energy_count(self._handle)
        except self._library.AmdSmiException as error:
            said = " ".join(str(error).split())
            raise Unavailable(f"the energy of {self.name} cannot be read: {said}") from error
        resolution_nj = float(told["counter_resolution"]) * NANOJOULES_PER_MICROJOULE
        return round(int(told["energy_accumulator"]) * resolution_nj)

    def shares(self) -> Mapping[int, int]:
        """Compute units occupied by each process, or new nanoseconds on the graphics engine."""
        try:
            running = self._library.amdsmi_get_gpu_process_list(self._handle)
        except self._library.AmdSmiException:
            return {}
        units = {int(one["pid"]): _number(one.get("cu_occupancy")) for one in running}
        engine_ns = {int(one["pid"]): _number(one["engine_usage"]["gfx"]) for one in running}
        before, self._engine_ns = self._engine_ns, engine_ns
        if any(units.values()):
            return units
        return {pid: max(0, now - before.get(pid, now)) for pid, now in engine_ns.items()}


class AmdSmi:
    """All AMD cards that have an energy counter.

    Raises:
        Unavailable: no library, no driver, or no such card.
    """

    name = "amdsmi"
    tells_processes = True

    def __init__(self, library: Any = None) -> None:  # noqa: ANN401 - a module without types
        self._library = load_library() if library is None else library
        try:
            self._library.amdsmi_init()
            handles = self._library.amdsmi_get_processor_handles()
        except self._library.AmdSmiException as error:
            said = " ".join(str(error).split())
            raise Unavailable(f"no AMD driver answers: {said}") from error
        found = [AmdDevice(self._library, handle, index) for index, handle in enumerate(handles)]
        self.devices = tuple(one for one in found if _counts(one))
        if not self.devices:
            self.close()
            raise Unavailable("no AMD card with an energy counter that may be read here")

    def close(self) -> None:
        """Let go of the driver."""
        try:
            self._library.amdsmi_shut_down()
        except self._library.AmdSmiException:
            return


def _counts(device: AmdDevice) -> bool:
    try:
        device.raw_nj()
    except Unavailable:
        return False
    return True


def _number(value: object) -> int:
    """AMD SMI writes `N/A` where the driver does not tell."""
    return value if isinstance(value, int) else 0
