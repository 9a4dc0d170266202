"""Of what a script prints the first part and the last are kept, and what is between is counted."""

from hypothesis import given
from hypothesis import strategies as st

from lichen.server.work.confined.output import BoundedOutput


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(2, 60))
def test_first_and_last_part_are_whole_and_the_rest_is_counted(
    printed: list[bytes], bound: int
) -> None:
    kept = bytearray()
    output = BoundedOutput(kept.extend, bound)
    for one in printed:
        output.take(one)
    output.end()
    whole = b"".join(printed)
    if len(whole) <= bound:
        assert kept == whole
        return
    first, last = bound // 2, bound - bound // 2
    told = b"\n-- %d bytes that the script printed here are left out --\n" % (len(whole) - bound)
    assert kept == whole[:first] + told + whole[len(whole) - last :]


def test_the_last_line_is_the_last_that_says_something() -> None:
    output = BoundedOutput(lambda _: None, 10)
    assert output.last_line == ""
    output.take(b"x" * 100_000)
    output.take(b"\nValueError: no\xff luck\n\n  \n")
    assert output.last_line == "ValueError: no\ufffd luck"
