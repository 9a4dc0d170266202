"""What an earlier attempt of a job kept, if it is of the task that is asked now."""

from typing import Protocol, TypeVar

import msgspec

from lichen.training.watch import Watch


class OfTask(Protocol):
    """A checkpoint that names the task and the data that it belongs to."""

    @property
    def task(self) -> str:
        """A fingerprint of both."""
        ...


Kept = TypeVar("Kept", bound=OfTask)


def kept_for(task: str, kind: type[Kept], watch: Watch, name: str) -> Kept | None:
    """The checkpoint of this very task; None: there is none, and the work begins anew.

    Args:
        task: its fingerprint: a checkpoint of another is of no use.
        kind: of the checkpoint, which was written as JSON.
        watch: keeps it.
        name: of it.
    """
    body = watch.load(name)
    if body is None:
        return None
    try:
        kept = msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError:  # of another release, or cut off
        return None
    return kept if kept.task == task else None
