"""What a library of accelerators tells: each card's counter, and who computed on it (M1, A1)."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Device(Protocol):
    """One card."""

    @property
    def name(self) -> str:
        """What the card is called, and which of several it is."""
        ...

    def raw_nj(self) -> int:
        """Its energy counter, in nanojoules since its driver was loaded.

        Raises:
            Unavailable: it cannot be read now.
        """
        ...

    def shares(self) -> Mapping[int, int]:
        """Which processes computed on it since the last call, and for how much of its units.

        Only the ratios count. Empty: nobody did, or the card does not tell.
        """
        ...


class Cards(Protocol):
    """The cards that one library knows."""

    @property
    def name(self) -> str:
        """What the library is called: `nvml`, `amdsmi`, `hwmon`."""
        ...

    @property
    def devices(self) -> Sequence[Device]:
        """Each card that has an energy counter."""
        ...

    @property
    def tells_processes(self) -> bool:
        """Whether `shares` says who computed; without it a card's energy is the host's."""
        ...

    def close(self) -> None:
        """Let go of the library."""
        ...
