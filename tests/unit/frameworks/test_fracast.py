"""What a pretrained model of time series cannot do is said before it is loaded."""

import pytest

from lichen.core.errors import InvalidInput
from lichen.frameworks.fracast import fracast_core


@pytest.mark.parametrize(
    ("context", "horizon", "said"),
    [
        (512, 49, "up to 48 steps, and 49 are asked for"),
        (512, 0, "up to 48 steps, and 0 are asked for"),
        (7, 24, "looks at 8 to 2048 steps, and the context is 7"),
        (2049, 24, "the context is 2049"),
    ],
)
def test_windows_and_horizons_that_it_was_not_trained_for_are_refused(
    context: int, horizon: int, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        fracast_core(context, horizon)
