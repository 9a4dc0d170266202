"""What a guest writes: whole lines, and no more than can be read."""

import pytest

from lichen.serving.guests.log import LINES_AT_ONCE, LONGEST_LINE, GuestLog


def test_lines_are_logged_when_they_are_whole(caplog: pytest.LogCaptureFixture) -> None:
    log = GuestLog("greenhouse")
    log.take(b"one\ntw")
    assert caplog.messages == ["guest greenhouse: one"]
    log.take(b"o\nrest")
    log.end()
    assert caplog.messages == [
        "guest greenhouse: one",
        "guest greenhouse: two",
        "guest greenhouse: rest",
    ]


def test_a_line_without_an_end_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    log = GuestLog("g")
    log.take(b"x" * (LONGEST_LINE + 1))
    log.end()
    assert caplog.messages == ["guest g: " + "x" * LONGEST_LINE]


def test_a_flood_is_counted_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    log = GuestLog("g", lambda: now)
    log.take(b"flood\n" * (LINES_AT_ONCE + 7))
    assert len(caplog.messages) == LINES_AT_ONCE
    now = 1.0
    log.take(b"dry\n")
    assert caplog.messages[-1] == "guest g: (7 lines are left out) dry"
    now = 1.0
    log.take(b"flood\n" * 10)
    log.end()
    assert caplog.messages[-1] == "guest g: 6 more lines are left out"
