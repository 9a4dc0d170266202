"""Only a checkpoint of the same task is taken up."""

from dataclasses import dataclass

from lichen.training.checkpoints import kept_for
from lichen.training.watch import NoWatch


@dataclass(frozen=True)
class Trials:
    task: str
    made: int


def test_what_is_of_another_task_or_cannot_be_read_is_begun_anew() -> None:
    watch = NoWatch()
    assert kept_for("mine", Trials, watch, "search") is None
    watch.save("search", b'{"task": "mine", "made": 3}')
    assert kept_for("mine", Trials, watch, "search") == Trials("mine", 3)
    assert kept_for("other", Trials, watch, "search") is None
    for torn in (b'{"task": "mine", "ma', b'{"task": "mine"}', b"\xff"):
        watch.save("search", torn)
        assert kept_for("mine", Trials, watch, "search") is None
