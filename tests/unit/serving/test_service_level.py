"""A service level promises what can be kept."""

import math

import pytest

from lichen.core.errors import InvalidInput
from lichen.serving.deployment import ServiceLevel


@pytest.mark.parametrize("quality", [-0.1, 1.1, math.nan])
def test_a_quality_that_is_no_share_is_refused(quality: float) -> None:
    with pytest.raises(InvalidInput, match=r"min_quality is .*: give it from 0 to 1"):
        ServiceLevel(min_quality=quality)


@pytest.mark.parametrize("milliseconds", [-1.0, 0.0, math.inf, math.nan])
def test_a_latency_that_is_no_duration_is_refused(milliseconds: float) -> None:
    with pytest.raises(InvalidInput, match=r"p95_ms is .*: give milliseconds above 0"):
        ServiceLevel(p95_ms=milliseconds)


def test_nothing_and_the_whole_range_may_be_promised() -> None:
    assert ServiceLevel() == ServiceLevel(None, None)
    assert ServiceLevel(0, 0.1) != ServiceLevel(1, 1e6)
