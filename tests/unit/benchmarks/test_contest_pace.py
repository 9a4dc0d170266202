"""The open-loop client: arrivals at the rate asked for, and waiting counted from when due."""

import socket
import threading
from collections.abc import Iterator

import pytest
from contest.pace import Pacer, arrivals

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ASKED = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def one_at_a_time() -> Iterator[int]:
    """A server of one connection that answers in two pieces; its port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        one, _ = listening.accept()
        with one:
            while one.recv(4096):
                one.sendall(ANSWER[:10])
                one.sendall(ANSWER[10:])

    thread = threading.Thread(target=answer)
    thread.start()
    yield int(listening.getsockname()[1])
    thread.join()
    listening.close()


def test_arrivals_come_at_the_rate_and_are_the_same_each_time() -> None:
    due = arrivals(1000, 10)
    assert due == arrivals(1000, 10)
    assert due == sorted(due)
    assert len(due) == pytest.approx(10_000, rel=0.05)
    assert due[-1] < 10 * 10**9


def test_what_waits_for_a_connection_waits_on_the_clock(one_at_a_time: int) -> None:
    pacer = Pacer(one_at_a_time, [ASKED], connections=1)
    pacer.run([0] * 20, give_up_seconds=30)
    pacer.close()
    assert len(pacer.took_ns) == 20
    assert pacer.failed == 0
    assert pacer.took_ns == sorted(pacer.took_ns), "all were due at once, and answered in turn"


def test_a_fixed_count_is_answered_whole(one_at_a_time: int) -> None:
    pacer = Pacer(one_at_a_time, [ASKED], connections=1)
    pacer.flood(30, give_up_seconds=30)
    pacer.close()
    assert (len(pacer.took_ns), pacer.failed) == (30, 0)
