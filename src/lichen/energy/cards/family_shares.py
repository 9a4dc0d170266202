"""What a process and all below it used of accelerators, by the cards' counters (A1)."""

from collections.abc import Iterable
from pathlib import Path

from lichen.energy.cards.shares import Shares, read_shares


class FamilyShares:
    """What each of some processes used since it was asked last; they may come and go.

    The owner of the meters writes once a second: what was used since is told the next time. What
    was used before this was made is not told.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = read_shares(folder)
        self._family: set[int] = set()

    @property
    def has_cards(self) -> bool:
        """Whether this host has accelerators whose energy is read."""
        return bool(self._before.epoch)

    def take_nj(self, pids: Iterable[int]) -> int:
        """Nanojoules since the last call of these and of all that were named before.

        One that ended may have a last second yet to be told.
        """
        now = read_shares(self._folder)
        if not now.epoch:
            return 0
        self._family |= set(pids)
        before = self._before if self._before.epoch == now.epoch else Shares()
        self._before = now
        return sum(
            max(0, one.nj - before.of(one.pid)) for one in now.processes if one.pid in self._family
        )
