"""What may pass is tried again, with growing pauses; what does not gain anything is given up."""

from collections.abc import Callable
from typing import TypeVar

from lichen.core.errors import WorkFailed
from lichen.fetching.refusals import TransientError

T = TypeVar("T")
MOST_TRIES = 6
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0


def persisting(
    attempt: Callable[[], T],
    pause: Callable[[float], None],
    progress: Callable[[], int] = lambda: 0,
) -> T:
    """What `attempt` answers, tried again while the failure may pass.

    Args:
        attempt: what may fail with TransientError.
        pause: waits so many seconds.
        progress: how far it is; while that grows, the count of tries begins anew.

    Raises:
        WorkFailed: it failed too often with nothing gained.
        LichenError: what does not pass.
    """
    tries, gained = 0, progress()
    while True:
        try:
            return attempt()
        except TransientError as error:
            tries = 1 if progress() > gained else tries + 1
            gained = progress()
            if tries >= MOST_TRIES:
                raise WorkFailed(f"{error}, {tries} times in a row: pull again later") from error
            growing = min(_FIRST_PAUSE_S * 2.0 ** (tries - 1), _LONGEST_PAUSE_S)
            pause(max(growing, error.wait_s or 0.0))
