"""Throw mutated requests at a running data plane and see that it minds none of them.

    python benchmarks/fuzz.py --seconds 60 --seed 1

Half of the cases are bytes: good requests of every kind, cut, doubled, spliced, with bytes changed
and with pieces put in that parsers trip over. Half are well-framed requests whose JSON, headers or
tensors say odd things. After each case:

- no answer is a 500, shows a traceback or a path, or is no answer of HTTP;
- a well-framed request has an answer.

Every hundred cases, and at the end: the process is the same, a good request is answered with the
right numbers, its memory has not grown beyond bounds, and its log holds no traceback. A case that
fails is printed with its number: `--case N` with the same seed sends it again.
"""

import argparse
import asyncio
import re
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from wire.cases import Maker
from wire.plane import Plane, start

TOGETHER, QUIET_SECONDS, ANSWER_SECONDS = 16, 0.05, 10.0
GROWTH_MB, MOST_WRONG = 128, 10
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
LEAKS = (b"Traceback", b'File "', b"site-packages", b".py", b"/tmp/", b"/home/", b"/work", b"0x7f")
NO_WORD = b"JSON has no"
"""Of an overflow in a model's own numbers: the one 500 that a good request may cause."""


@dataclass
class Findings:
    """What was seen."""

    statuses: Counter[int] = field(default_factory=Counter)
    silent: int = 0
    cases: int = 0
    wrong: list[str] = field(default_factory=list)


async def sent(plane: Plane, made: bytes, *, due: bool) -> bytes:
    """What the data plane says to these bytes, until it has answered or says nothing more."""
    reader, writer = await asyncio.open_connection(*plane.address)
    received = b""
    try:
        writer.write(made)
        while not (due and _is_whole(received)):
            patience = ANSWER_SECONDS if due else QUIET_SECONDS
            part = await asyncio.wait_for(reader.read(1 << 16), patience)
            if not part:
                break
            received += part
    except (TimeoutError, ConnectionError):
        pass
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return received


def _is_whole(received: bytes) -> bool:
    head, found, body = received.partition(b"\r\n\r\n")
    length = re.findall(rb"content-length: (\d+)", head, re.IGNORECASE)
    return bool(found) and bool(length) and len(body) >= int(length[0])


def judged(received: bytes, *, due: bool) -> str | None:
    """What is wrong with an answer; None when nothing is."""
    statuses = [int(one) for one in STATUS.findall(received)]
    if due and not statuses:
        return "there was no answer"
    if received and not received.startswith(b"HTTP/1.1 "):
        return "the answer is no HTTP"
    if 500 in statuses and NO_WORD not in received:
        return "it was answered 500"
    leaked = [one for one in LEAKS if one in received]
    return f"the answer shows {leaked[0]!r}" if leaked else None


async def fuzz(
    plane: Plane, maker: Maker, found: Findings, seconds: float = 1e9, cases: int = 10**9
) -> None:
    """Case after case, several at a time, until the time is over or ten went wrong."""
    until, before = time.monotonic() + seconds, plane.resident_mb()
    numbers = iter(range(cases))

    async def one_after_the_other() -> None:
        for number in numbers:
            if time.monotonic() > until or len(found.wrong) >= MOST_WRONG:
                return
            made, due = maker.case(number)
            received = await sent(plane, made, due=due)
            found.cases += 1
            found.statuses.update(int(one) for one in STATUS.findall(received))
            found.silent += not received
            wrong = judged(received, due=due)
            if wrong is not None:
                found.wrong.append(
                    f"case {number}: {wrong}\n  {made[:2000]!r}\n  {received[:400]!r}"
                )
            if number % 100 == 0:
                found.wrong += await still_well(plane, maker, before)

    await asyncio.gather(*(one_after_the_other() for _ in range(TOGETHER)))
    found.wrong += await still_well(plane, maker, before)


async def still_well(plane: Plane, maker: Maker, before_mb: float) -> list[str]:
    """What is wrong with the process itself."""
    if plane.process.poll() is not None:
        return [f"it ended with {plane.process.returncode}"]
    answer = await sent(plane, maker.good(), due=True)
    wrong = []
    if not answer.startswith(b"HTTP/1.1 200 ") or b'"data":[10.0]' not in answer:
        wrong.append(f"a good request was answered {answer!r}")
    news = plane.log.read_bytes()[plane.logged :]
    plane.logged += len(news)
    if b"Traceback" in news:
        wrong.append(f"its log holds a traceback: {news[-3000:].decode()}")
    if plane.resident_mb() > before_mb + GROWTH_MB:
        wrong.append(f"its memory grew from {before_mb:.0f} to {plane.resident_mb():.0f} MB")
    return wrong


def main() -> int:
    """Fuzz for a time, or send one case again."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int, help="send this case alone, and print it")
    options = parser.parse_args()
    found = Findings()
    with tempfile.TemporaryDirectory() as folder:
        plane = start(Path(folder))
        maker = Maker(options.seed, plane.key)
        try:
            if options.case is not None:
                made, due = maker.case(options.case)
                print(
                    made, asyncio.run(sent(plane, made, due=due)), plane.log.read_text(), sep="\n"
                )
                return 0
            asyncio.run(fuzz(plane, maker, found, options.seconds))
            grown = plane.resident_mb()
        finally:
            plane.process.terminate()
            plane.process.wait(20)
    print(f"{found.cases} cases with seed {options.seed}; {found.silent} without an answer;")
    print(
        "answers: " + ", ".join(f"{count} x {one}" for one, count in sorted(found.statuses.items()))
    )
    print(f"resident at the end: {grown:.0f} MB")
    for wrong in found.wrong:
        print(wrong)
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
