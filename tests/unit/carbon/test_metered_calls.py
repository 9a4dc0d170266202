"""What a metered call counts: threads, tasks, generators, children, forks (A1)."""

import asyncio
import csv
import inspect
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from textwrap import dedent
from threading import Thread
from time import thread_time_ns

import pytest

from lichen.carbon.tracker.meter_session import close_sessions, session_of
from lichen.carbon.tracker.metered import Metered, metered
from lichen.core.errors import InvalidInput, Unavailable
from lichen.core.figures import Method, Receipt
from lichen.energy.cards.shares import SharesWriter
from lichen.energy.meter import ProcessEnergy, Reading

MS = 1_000_000
SAMPLER = MS
"""What the sampler may use between two clocks that a block reads, which the block then lacks."""


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "run"
    close_sessions()


def burn(milliseconds: int) -> None:
    until = thread_time_ns() + milliseconds * MS
    while thread_time_ns() < until:
        pass


def price_nj(runtime: Path, milliseconds: int) -> float:
    """What so much CPU time costs: the model's rate is the same throughout."""
    return milliseconds * MS * session_of(runtime).rate().nj_per_cpu_ns


def cpu_ns(block: Metered) -> int:
    assert block.span is not None
    return block.span.tally.cpu_ns


def test_a_hundred_coroutines_at_once_add_up_to_what_was_used(runtime: Path) -> None:
    receipts: list[Receipt] = []
    block = metered("request", runtime=runtime)

    @block
    async def handle() -> None:
        for _ in range(3):
            burn(1)
            await asyncio.sleep(0)

    async def serve() -> None:
        async def one() -> None:
            await handle()
            receipts.append(block.receipt)

        await asyncio.gather(*(one() for _ in range(100)))

    with metered("all", runtime=runtime) as whole:
        asyncio.run(serve())

    parts = sorted(receipt.energy.nj for receipt in receipts)
    assert len(parts) == 100
    assert price_nj(runtime, 300 - 100) < sum(parts)
    assert sum(parts) <= whole.receipt.energy.nj + price_nj(runtime, 1)
    # a collection of garbage may fall into any of them
    assert parts[90] < 0.1 * whole.receipt.energy.nj, "none is charged what others used meanwhile"


def test_threads_side_by_side_add_up_when_each_counts_its_own(runtime: Path) -> None:
    def work(_number: int) -> int:
        with metered("part", runtime=runtime, this_thread=True) as part:
            burn(10)
        return part.receipt.energy.nj

    with metered("whole", runtime=runtime) as whole, ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(work, range(8)))

    assert price_nj(runtime, 80 - 8) < sum(parts)
    assert sum(parts) <= whole.receipt.energy.nj + price_nj(runtime, 1)


def test_a_block_counts_the_threads_that_it_started(runtime: Path) -> None:
    with metered("parent", runtime=runtime) as block:
        thread = Thread(target=burn, args=(30,))
        thread.start()
        thread.join()
    assert cpu_ns(block) >= 30 * MS - SAMPLER


def test_an_outer_block_holds_its_inner_ones(runtime: Path) -> None:
    with metered("outer", runtime=runtime) as outer:
        burn(5)
        with metered("inner", runtime=runtime) as inner:
            burn(10)
    assert 10 * MS - SAMPLER <= cpu_ns(inner) < cpu_ns(outer)


def test_a_generator_is_charged_for_its_own_steps_alone(runtime: Path) -> None:
    block = metered("rows", runtime=runtime)

    @block
    def produce(count: int) -> Generator[int, str, str]:
        got = ""
        for number in range(count):
            burn(5)
            got = yield number
        return got

    rows = produce(3)
    assert next(rows) == 0
    burn(100)  # the caller's
    with pytest.raises(Unavailable):
        _ = block.receipt
    assert rows.send("a") == 1
    assert next(rows) == 2
    with pytest.raises(StopIteration) as end:
        rows.send("done")

    assert end.value.value == "done"
    assert 15 * MS - SAMPLER <= cpu_ns(block) < 115 * MS
    assert block.receipt.energy.nj > 0


def test_a_generator_left_early_has_a_receipt_when_it_is_closed(runtime: Path) -> None:
    block = metered("rows", runtime=runtime)
    closed = []

    @block
    def produce() -> Generator[int, None, None]:
        try:
            while True:
                burn(1)
                yield 1
        finally:
            closed.append(True)

    rows = produce()
    next(rows)
    with pytest.raises(ValueError, match="thrown in"):
        rows.throw(ValueError("thrown in"))
    rows.close()
    assert closed == [True]
    assert cpu_ns(block) > 0

    other = produce()
    next(other)
    other.close()
    assert block.receipt.energy.nj > 0


def test_a_generator_that_nobody_reads_to_its_end_has_a_receipt(runtime: Path) -> None:
    block = metered("rows", runtime=runtime)

    @block
    def produce() -> Iterator[int]:
        while True:
            burn(2)
            yield 1

    for _ in produce():
        break
    assert cpu_ns(block) >= 2 * MS - SAMPLER
    assert block.receipt.energy.nj > 0


def test_an_asynchronous_generator_is_charged_for_its_own_steps_alone(runtime: Path) -> None:
    block = metered("stream", runtime=runtime)

    @block
    async def stream(count: int) -> AsyncIterator[int]:
        for number in range(count):
            burn(5)
            await asyncio.sleep(0)
            yield number

    async def read() -> list[int]:
        found = []
        async for number in stream(3):
            burn(100)  # the caller's
            found.append(number)
        return found

    assert asyncio.run(read()) == [0, 1, 2]
    assert 15 * MS - SAMPLER <= cpu_ns(block) < 115 * MS
    assert block.receipt.energy.nj > 0


def test_an_asynchronous_generator_takes_values_errors_and_its_end(runtime: Path) -> None:
    block = metered("stream", runtime=runtime)

    @block
    async def echo() -> AsyncGenerator[str, str]:
        said = "first"
        while True:
            try:
                said = yield said
            except KeyError:
                said = "caught"

    async def talk() -> list[str]:
        stream = echo()
        found = [await anext(stream)]
        found.append(await stream.asend("second"))
        found.append(await stream.athrow(KeyError()))
        await stream.aclose()
        return found

    assert asyncio.run(talk()) == ["first", "second", "caught"]
    assert block.receipt.energy.nj_high > 0


def test_an_asynchronous_generator_left_early_has_a_receipt(runtime: Path) -> None:
    block = metered("stream", runtime=runtime)
    ended = []

    @block
    async def stream() -> AsyncIterator[int]:
        try:
            while True:
                burn(2)
                yield 1
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    async def read() -> None:
        async with aclosing(stream()) as numbers:  # type: ignore[type-var]
            async for _ in numbers:
                break

    asyncio.run(read())
    assert ended == [True]
    assert cpu_ns(block) >= 2 * MS - SAMPLER
    assert block.receipt.energy.nj > 0


def test_a_decorated_function_stays_of_its_kind(runtime: Path) -> None:
    block = metered("kinds", runtime=runtime)

    async def coroutine() -> None: ...
    def generator() -> Iterator[int]:
        yield 1

    async def async_generator() -> AsyncIterator[int]:
        yield 1

    assert inspect.iscoroutinefunction(block(coroutine))
    assert inspect.isgeneratorfunction(block(generator))
    assert inspect.isasyncgenfunction(block(async_generator))
    assert block(generator).__name__ == "generator"


def test_a_coroutine_that_is_cancelled_or_fails_has_a_receipt(runtime: Path) -> None:
    block = metered("task", runtime=runtime)

    @block
    async def work(*, fail: bool) -> None:
        burn(5)
        if fail:
            raise ZeroDivisionError
        await asyncio.sleep(60)

    async def cancel() -> None:
        task = asyncio.create_task(work(fail=False))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert 5 * MS - SAMPLER <= cpu_ns(block) < 500 * MS
    with pytest.raises(ZeroDivisionError):
        asyncio.run(work(fail=True))
    assert block.receipt.energy.nj > 0


def test_a_function_may_call_itself(runtime: Path) -> None:
    block = metered("recursive", runtime=runtime)

    @block
    def depth(left: int) -> int:
        burn(2)
        return 0 if left == 0 else 1 + depth(left - 1)

    assert depth(3) == 3
    assert cpu_ns(block) >= 8 * MS - SAMPLER


def test_a_block_that_runs_cannot_be_entered_again(runtime: Path) -> None:
    block = metered("twice", runtime=runtime)
    with block, pytest.raises(InvalidInput, match="'twice' still runs: make another"):
        block.__enter__()
    with block:
        pass


def test_start_and_stop_do_without_a_with(runtime: Path) -> None:
    block = metered("cells", runtime=runtime)
    with pytest.raises(Unavailable, match="does not run: start it first"):
        block.stop()
    block.start()
    burn(3)
    assert block.stop().energy.nj == block.receipt.energy.nj > 0


def test_children_count_when_they_ended_and_while_they_run(runtime: Path) -> None:
    script = (
        "import time\nuntil = time.process_time() + 0.3\nwhile time.process_time() < until: pass\n"
    )
    waiting = f"input()\n{script}print('ready', flush=True)\ninput()"
    command = [sys.executable, "-S", "-c"]  # no site, nor what a run of coverage puts there
    with metered("ended", runtime=runtime) as ended:
        subprocess.run([*command, script], check=True)
    child = subprocess.Popen([*command, waiting], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    with metered("living", runtime=runtime) as living:
        session = session_of(runtime)
        child.stdin.write(b"\n")
        child.stdin.flush()
        child.stdout.readline()
        session._sample(is_window=True)
    with metered("waiting for it", runtime=runtime) as after:
        child.communicate(b"\n")

    assert 300 * MS - SAMPLER <= cpu_ns(ended) < 600 * MS  # and not twice
    assert 280 * MS - SAMPLER <= cpu_ns(living) < 600 * MS  # ticks of 10 ms
    assert cpu_ns(after) < 250 * MS  # what it used before is not in it


def test_what_the_process_used_of_accelerators_is_in_its_blocks(
    runtime: Path, tmp_path: Path
) -> None:
    path = tmp_path / "emissions.csv"
    with metered("first", runtime=runtime):
        pass
    session, writer = session_of(runtime), SharesWriter(runtime, epoch=77)

    def used(nj: int) -> None:
        share = (ProcessEnergy(os.getpid(), nj),)
        reading = Reading(10**12, 0, 0, 0, accelerator_nj=nj, accelerator_shares=share)
        writer.publish(reading)
        session.read_cards()

    with (
        metered("training", output=path, runtime=runtime) as block,
        metered("thread", runtime=runtime, this_thread=True) as thread,
    ):
        used(5 * 10**9)
    with path.open(newline="") as file:
        (row,) = csv.DictReader(file)

    energy = block.receipt.energy
    assert 5 * 10**9 < energy.nj < 6 * 10**9
    assert energy.nj_low < energy.nj < energy.nj_high
    assert energy.method is Method.MIXED
    assert float(row["gpu_energy"]) == pytest.approx(5 / 3.6e6)
    parts = float(row["gpu_energy"]) + float(row["cpu_energy"])
    assert parts == pytest.approx(float(row["energy_consumed"]))
    assert thread.receipt.energy.nj < 10**9


def test_a_forked_copy_of_a_block_ends_without_a_receipt(tmp_path: Path) -> None:
    script = """
        import os, sys
        from pathlib import Path
        from lichen.carbon.tracker.metered import metered
        from lichen.core.errors import Unavailable

        block = metered("forking", runtime=Path(sys.argv[1]), output=sys.argv[1] + "/e.csv")
        with block:
            child = os.fork()
            if child:
                os.waitpid(child, 0)
            else:
                while os.times().user < 0.05: pass
        if child == 0:
            try:
                block.receipt
            except Unavailable:
                os._exit(0)
            os._exit(1)
        lines = Path(sys.argv[1] + "/e.csv").read_text().splitlines()
        sys.exit(0 if len(lines) == 2 and block.span.tally.cpu_ns > 4e7 else 1)
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", dedent(script), str(tmp_path)], check=False
    )
    assert done.returncode == 0


def test_a_block_still_open_when_the_session_ends_keeps_its_charges(runtime: Path) -> None:
    with metered("outlasting", runtime=runtime) as block:
        burn(10)
        close_sessions()
        burn(10)
    assert cpu_ns(block) >= 20 * MS - SAMPLER
    with block:
        burn(1)
    assert block.receipt.energy.nj > 0


def test_a_thread_that_ends_without_leaving_its_block_disturbs_nobody(runtime: Path) -> None:
    block = metered("left open", runtime=runtime, this_thread=True)
    thread = Thread(target=block.start)
    thread.start()
    thread.join()
    session_of(runtime).call_watchers()
    with metered("other", runtime=runtime) as other:
        session_of(runtime).call_watchers()
    assert other.receipt.energy.nj > 0


SLEEPING = """
import sys
from pathlib import Path
from threading import Event
from time import process_time_ns
from lichen.carbon.tracker.metered import metered
with metered("sleeping", runtime=Path(sys.argv[1])) as block:
    began = process_time_ns()
    Event().wait(0.5)
    used_ns = process_time_ns() - began
print(block.span.tally.cpu_ns, used_ns)
"""
"""In a process of its own: a block counts children, and the tests' own may have some that work."""


def test_the_sampler_is_not_charged_to_blocks(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SLEEPING, str(tmp_path / "run")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    charged_ns, used_ns = (int(word) for word in ran.stdout.split())
    assert charged_ns < max(used_ns, 1 * MS)


def test_a_session_belongs_to_its_process(runtime: Path) -> None:
    with metered("block", runtime=runtime):
        assert os.getpid() == session_of(runtime).process
