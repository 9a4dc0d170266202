"""The meter lock: one owner a host (M3). The kernel lets go of it when its holder dies."""

import fcntl
import os
from pathlib import Path

from lichen.core.errors import StorageFailed

LOCK_NAME = "meter.lock"


def _check_owner(folder: Path) -> None:
    """Refuse a folder that somebody else made first: in /tmp anybody may, and then write our page.

    Raises:
        StorageFailed: it belongs to another user; root takes whatever it is given.
    """
    user, owner = os.getuid(), folder.stat().st_uid
    if user not in (0, owner):
        raise StorageFailed(
            f"the runtime folder {folder} belongs to user {owner}: choose one of your own"
        )


class MeterLock:
    """An advisory lock on a file in the runtime folder."""

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK_NAME
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_owner(folder)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageFailed(
                f"cannot open the meter lock {path} ({error.strerror}): choose a runtime folder "
                "that this user may write"
            ) from error
        self.held = False

    def take(self) -> bool:
        """Take the lock if nobody holds it; whether it is ours now. Never waits."""
        if not self.held:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            self.held = True
        return True

    def release(self) -> None:
        """Give the lock back, to be taken again later."""
        if self.held:
            fcntl.flock(self._file, fcntl.LOCK_UN)
            self.held = False

    def close(self) -> None:
        """Give the lock back."""
        if self._file >= 0:
            os.close(self._file)
            self._file, self.held = -1, False
