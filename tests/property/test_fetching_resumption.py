"""Interrupted pulls: whatever breaks off, and whatever changes, what comes is one file whole."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.core.errors import Corrupt
from lichen.fetching.addresses import networks
from lichen.fetching.fetching import fetch
from lichen.fetching.plain import WebFile
from lichen.fetching.policy import Policy
from lichen.fetching.replay import Kept, Shelf
from lichen.fetching.web import Web

POLICY = Policy(networks=networks("127.0.0.1"), allows_http=True)
BODIES = st.binary(min_size=1, max_size=3000)
CUTS = st.lists(st.integers(1, 3000), max_size=5)


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf]:
    with Shelf({}) as opened:
        yield opened


class KilledError(BaseException):
    """The end of a process, as it meets code."""


def pulled(shelf: Shelf, kept: Kept, after: Kept | None, kills: int, digest: str = "") -> bytes:
    """What a pull ends with; at its first pause or kill `after` takes the place of `kept`."""
    shelf.files = {"/m": kept}

    def change(_seconds: float = 0.0) -> None:
        if after is not None:
            shelf.files = {"/m": after}

    left = [kills]

    def tell(_here: int, _total: int | None) -> None:
        if left[0]:
            left[0] -= 1
            change()
            raise KilledError

    with tempfile.TemporaryDirectory() as folder, closing(Web(POLICY, pause=change)) as web:
        listing = WebFile(f"{shelf.url}/m{digest and f'#sha256={digest}'}").listing()
        while True:
            try:
                got = fetch(listing, web, Path(folder), tell)
            except KilledError:
                continue
            return (got.files / "m").read_bytes()


@settings(max_examples=25, deadline=None)
@given(BODIES, CUTS, st.booleans(), st.integers(0, 3))
def test_what_comes_in_pieces_is_the_file(
    shelf: Shelf,
    body: bytes,
    cuts: list[int],
    is_ranged: bool,  # noqa: FBT001 - hypothesis gives it by place
    kills: int,
) -> None:
    kept = Kept(body, cuts=list(cuts), is_ranged=is_ranged)
    assert pulled(shelf, kept, None, kills) == body


@settings(max_examples=25, deadline=None)
@given(BODIES, BODIES, CUTS, st.booleans(), st.integers(0, 2))
def test_a_file_that_changes_is_never_mixed(
    shelf: Shelf,
    body: bytes,
    other: bytes,
    cuts: list[int],
    is_lying: bool,  # noqa: FBT001
    kills: int,
) -> None:
    """Also where the server compares no validator and answers with a range of the other file."""
    after = Kept(other, knows_if_range=not is_lying)
    found = pulled(shelf, Kept(body, cuts=list(cuts)), after, kills)
    assert found in (body, other)


@settings(max_examples=25, deadline=None)
@given(BODIES, BODIES, CUTS, st.integers(0, 2))
def test_a_digest_lets_nothing_else_pass(
    shelf: Shelf, body: bytes, other: bytes, cuts: list[int], kills: int
) -> None:
    wanted = hashlib.sha256(other).hexdigest()
    try:
        found = pulled(shelf, Kept(body, cuts=list(cuts)), Kept(other), kills, wanted)
    except Corrupt:
        assert body != other
        return
    assert found == other
