"""What a keeper's thread does between two turns, when one fails, and when it is told to stop."""

import logging
from queue import SimpleQueue
from time import monotonic

import pytest

from lichen.server.keepers.routine import Routine

PATIENCE_SECONDS = 60.0


def test_it_turns_again_and_again_until_told_to_stop() -> None:
    turns: SimpleQueue[int] = SimpleQueue()

    def turn() -> float:
        turns.put(1)
        return 0.001

    routine = Routine("test", turn, 60.0)
    routine.start()
    for _ in range(3):
        turns.get(timeout=PATIENCE_SECONDS)
    routine.stop(PATIENCE_SECONDS)
    assert routine.is_stopping
    assert not routine.is_running


def test_a_turn_that_fails_is_told_and_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    turns: SimpleQueue[int] = SimpleQueue()

    def turn() -> float:
        turns.put(1)
        if turns.qsize() == 1:
            raise ZeroDivisionError("of a keeper")
        return 3600.0

    routine = Routine("test", turn, 0.001)
    with caplog.at_level(logging.ERROR):
        routine.start()
        give_up = monotonic() + PATIENCE_SECONDS
        while turns.qsize() < 2 and monotonic() < give_up:
            routine.pause(0.001)
        routine.stop(PATIENCE_SECONDS)
    assert turns.qsize() == 2
    assert "a turn of test failed and is tried again" in caplog.text
    assert "of a keeper" in caplog.text


def test_told_to_stop_it_waits_for_no_turn_to_come_and_leaves_a_long_one_behind() -> None:
    begun: SimpleQueue[int] = SimpleQueue()
    end: SimpleQueue[int] = SimpleQueue()

    def turn() -> float:
        begun.put(1)
        end.get()
        return 3600.0

    later = Routine("later", turn, 1.0, first_seconds=3600.0)
    later.start()
    later.stop(PATIENCE_SECONDS)
    assert (later.is_running, begun.qsize()) == (False, 0)

    busy = Routine("busy", turn, 1.0)
    busy.start()
    begun.get(timeout=PATIENCE_SECONDS)
    busy.stop(0.01)
    assert busy.is_running, "it was left behind"
    end.put(1)
    busy.stop(PATIENCE_SECONDS)
    assert not busy.is_running


def test_one_that_never_began_is_stopped_at_once() -> None:
    routine = Routine("never", lambda: 1.0, 1.0)
    routine.stop(PATIENCE_SECONDS)
    assert not routine.is_running
