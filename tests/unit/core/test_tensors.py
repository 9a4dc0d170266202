"""Names for the values of a row."""

import pytest

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, TensorSpec, with_columns


@pytest.mark.parametrize("shape", [(-1, 2), (-1, -1)])
def test_a_row_is_given_names(shape: tuple[int, ...]) -> None:
    spec = TensorSpec("x", Datatype.FP32, shape, unit="MW")
    named = with_columns(spec, ["a", "b"])
    assert (named.columns, named.unit) == (("a", "b"), "MW")


@pytest.mark.parametrize(
    ("shape", "columns", "said"),
    [
        ((-1, 3), ["a", "b"], r"2 names do not fit 'x' of shape \[-1, 3\]"),
        ((-1,), ["a"], "do not fit"),
        ((-1, 2, 2), ["a", "b"], "do not fit"),
        ((-1, 2), ["a", "a"], "stand twice"),
        ((-1, 2), ["a", ""], "empty"),
    ],
)
def test_names_that_do_not_fit_are_refused(
    shape: tuple[int, ...], columns: list[str], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        with_columns(TensorSpec("x", Datatype.FP32, shape), columns)
