"""What our own tracker must reach in the comparison, whatever the others do."""

from tracking.peers import LICHEN
from tracking.runs import Results

START_UP_CPU_S = 0.2
"""Import and first block together; the meters' own start is 0.1 of it (M3)."""
LINEARITY, TOLERANCE = 2.0, 0.1
MOST_OF_WHOLE = 1.0


def missed(results: Results) -> list[str]:
    """The goals that were not reached, as sentences; none if ours was not run."""
    found = []
    startup = results.startup(LICHEN, "startup_cpu_s")
    if startup is not None and startup > START_UP_CPU_S:
        found.append(f"start-up takes {startup:.2f} CPU-s, over {START_UP_CPU_S:g}")
    linear = results.linearity(LICHEN, "attributed_j")
    if linear is not None and abs(linear - LINEARITY) > TOLERANCE:
        found.append(
            f"two busy cores cost {linear:.2f} times one, not {LINEARITY:g} ± {TOLERANCE:g}"
        )
    share = results.over_count(LICHEN)
    if share is not None and share > MOST_OF_WHOLE:
        found.append(f"a hundred requests sum to {share:.3f} of the whole, over 1")
    return found
