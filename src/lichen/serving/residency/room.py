"""Is there room for one more model, and who must sleep to make it? Decides, and does nothing."""

from collections.abc import Collection
from dataclasses import dataclass

from lichen.core.errors import Unavailable
from lichen.serving.residency.memory import Memory, mebibytes, to_sleep
from lichen.serving.residency.opening import Opening
from lichen.serving.residency.place import Place


@dataclass(frozen=True, slots=True)
class Room:
    """Whether a model may be loaded now; if not, who has to sleep before it may."""

    is_free: bool
    sleepers: tuple[Place, ...] = ()


def room_for(
    opening: Opening, places: Collection[Place], memory: Memory, moving: tuple[int, int]
) -> Room:
    """Look for room: by memory that is free, then by the least recently used, itself last.

    A deployment's former version sleeps only when both do not fit beside each other: its callers
    then wait for the new one.

    Args:
        opening: what is to be loaded.
        places: all deployments.
        memory: the limit.
        moving: bytes of models that are being loaded, and of those on their way out.

    Raises:
        Unavailable: it is larger than the limit.
    """
    if not memory.admits(opening.size_bytes):
        raise Unavailable(too_large(opening, opening.size_bytes, memory))
    coming, leaving = moving
    held = sum(one.held_bytes for one in places)
    over = memory.over(held + coming + leaving + opening.size_bytes)
    if over == 0:
        return Room(is_free=True)
    over -= leaving
    awake = [one for one in places if one.is_awake]
    sleepers = _sleepers([one for one in awake if one.name != opening.name], over)
    if sum(one.held_bytes for one in sleepers) < over:
        sleepers += [one for one in awake if one.name == opening.name]
    may_all = all(one.may_sleep for one in sleepers)  # or they are waited for: the order holds
    return Room(is_free=False, sleepers=tuple(sleepers) if may_all else ())


def over_limit(kept: Place, places: Collection[Place], memory: Memory) -> list[Place]:
    """Who sleeps because a model took more than was expected of it."""
    over = memory.over(sum(one.held_bytes for one in places))
    return _sleepers([one for one in places if one is not kept and one.is_awake], over)


def too_large(opening: Opening, size_bytes: int, memory: Memory) -> str:
    """The refusal of a model that does not fit even alone."""
    limit = mebibytes(memory.limit_bytes or 0)
    return (
        f"{opening.deployment.reference} takes {mebibytes(size_bytes)} of memory, and all models "
        f"of this process together may take {limit}: raise model_memory_mb"
    )


def _sleepers(places: Collection[Place], over_bytes: int) -> list[Place]:
    by_name = {one.name: one for one in places}
    names = to_sleep([one.resident() for one in places], over_bytes)
    return [by_name[name] for name in names]
