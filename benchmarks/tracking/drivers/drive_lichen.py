"""Drive `lichen.metered`: MODE NUMBER [CORES]."""

import asyncio
import sys
import tempfile
from pathlib import Path

from work import REQUESTS, Startup, cost_per_task_us, keep_busy, request, task, tell


def main(mode: str, number: float, cores: int) -> None:
    startup = Startup()
    import lichen

    runtime = Path(tempfile.mkdtemp())
    with lichen.metered("first", zone="DE", runtime=runtime):
        pass
    found: dict[str, object] = {**startup.spent()}
    block = lichen.metered("work", zone="DE", runtime=runtime)
    if mode == "span":
        with block:
            before = host_j(runtime)
            keep_busy(number, cores)
        found |= {"attributed_j": block.joules, "total_j": host_j(runtime) - before}
        found["method"] = block.receipt.energy.method.value
    elif mode == "tasks":

        def tracked(count: int) -> None:
            for _ in range(count):
                with block:
                    task()

        found |= cost_per_task_us(int(number), tracked)
    else:
        found |= concurrent(runtime)
    tell(found)


def host_j(runtime: Path) -> float:
    """What the whole host used so far, idle included, as the owner of the meters reads it now."""
    import lichen
    from lichen.carbon.tracker.meter_session import session_of

    session = session_of(runtime)
    session._owner.flush()  # noqa: SLF001 - a window now, however short
    del lichen
    return session._page.content().host_nj / 1e9  # noqa: SLF001


def concurrent(runtime: Path) -> dict[str, object]:
    """A hundred requests at once, each metered, and all of them as one."""
    import lichen

    parts = []
    each = lichen.metered("request", zone="DE", runtime=runtime)
    handle = each(request)

    async def one() -> None:
        await handle()
        parts.append(each.joules)

    async def serve() -> None:
        await asyncio.gather(*(one() for _ in range(REQUESTS)))

    with lichen.metered("all", zone="DE", runtime=runtime) as whole:
        asyncio.run(serve())
    return {"parts_j": sum(parts), "whole_j": whole.joules}


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
