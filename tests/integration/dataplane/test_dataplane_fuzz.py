"""The short form of `make fuzz`: mutated requests, the same each time, harm nothing."""

import asyncio
from pathlib import Path

import fuzz
from wire.cases import Maker
from wire.plane import start

CASES, SEED = 600, 20261122


def test_mutated_requests_are_answered_and_leave_it_well(tmp_path: Path) -> None:
    plane, found = start(tmp_path), fuzz.Findings()
    try:
        asyncio.run(fuzz.fuzz(plane, Maker(SEED, plane.key), found, cases=CASES))
    finally:
        plane.process.terminate()
        assert plane.process.wait(60) == 0
    assert found.wrong == []
    assert found.cases == CASES
    assert {100, 200, 400, 404, 505} <= set(found.statuses), "the cases reach every part of it"


def test_a_case_is_the_same_each_time_and_judged_by_what_it_shows() -> None:
    one, other = Maker(1, "key"), Maker(1, "key")
    assert [one.case(number) for number in range(50)] == [other.case(n) for n in range(50)]
    assert fuzz.judged(b"HTTP/1.1 200 OK\r\n\r\n", due=True) is None
    assert fuzz.judged(b"", due=False) is None
    for bad in (b"", b"HTTP/1.1 500 \r\n\r\n", b"SSH-2.0", b'HTTP/1.1 400 \r\n\r\nFile "x.py"'):
        assert fuzz.judged(bad, due=True) is not None
