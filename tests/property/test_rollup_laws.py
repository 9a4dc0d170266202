"""Rolling up changes no total that can still be asked for, whatever was booked (L1, L3)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.carbon.grids.fixed import ConstantIntensity
from lichen.carbon.ledger.accounts import LedgerReader
from lichen.carbon.ledger.ledger import Ledger
from lichen.carbon.ledger.postings import Basis, Booking, Posting
from lichen.carbon.ledger.rollup import Retention
from lichen.core.clock import ManualClock
from lichen.core.errors import NotFound
from lichen.core.figures import Method

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
BASES = tuple(
    Basis(ConstantIntensity(g).at("DE", MIDNIGHT), Method.MODELLED, "model 1", 0.4, 1.4, 1.0, None)
    for g in (400.0, 390.0)
)
ACCOUNTS = ("idle", "host/other", "work/a/b/c@1/fp32")
RETENTION = Retention(timedelta(days=3), timedelta(days=5))
nano = st.integers(-(2**62), 2**62)


@st.composite
def histories(draw: st.DrawFn) -> list[Callable[[Ledger, ManualClock], Ledger]]:
    """Some days of a ledger: minutes in order, with crashes, stops, pauses and adjustments."""
    return draw(
        st.lists(
            st.one_of(
                st.builds(_booked, st.lists(st.tuples(nano, nano), min_size=1, max_size=4),
                          st.sampled_from(BASES), st.sampled_from((60, 60, 61, 1200, 40_000))),
                st.builds(_adjusted, st.integers(-100, 100), st.integers(0, 200)),
                st.sampled_from((_crashed, _stopped)),
            ),
            min_size=4,
            max_size=40,
        )
    )  # fmt: skip


def _booked(
    uses: list[tuple[int, int]], basis: Basis, pause_s: int
) -> Callable[[Ledger, ManualClock], Ledger]:
    def act(ledger: Ledger, clock: ManualClock) -> Ledger:
        for nj, ng in uses:
            began = clock.now()
            clock.advance(60)
            postings = (Posting("meter", -nj, -ng), Posting(ACCOUNTS[nj % 3], nj, ng, 1))
            ledger.record(Booking(began, clock.now(), postings, basis))
        clock.advance(pause_s - 60)
        return ledger

    return act


def _adjusted(ng: int, hours_ago: int) -> Callable[[Ledger, ManualClock], Ledger]:
    def act(ledger: Ledger, clock: ManualClock) -> Ledger:
        postings = [Posting("meter", 0, -ng), Posting("idle", 0, ng)]
        moment = clock.now() - timedelta(hours=hours_ago)
        ledger.adjust(moment, postings, BASES[0], f"{ng} ng more")
        return ledger

    return act


def _crashed(ledger: Ledger, clock: ManualClock) -> Ledger:
    books = ledger.books.again()
    ledger.books.close()
    return Ledger.open(books, clock)


def _stopped(ledger: Ledger, clock: ManualClock) -> Ledger:
    books = ledger.books.again()
    ledger.close()
    return Ledger.open(books, clock)


@settings(max_examples=25)
@given(history=histories(), stride=st.integers(1, 9))
def test_each_step_of_a_roll_up_leaves_sums_bases_extent_and_chain(
    history: list[Callable[[Ledger, ManualClock], Ledger]], stride: int
) -> None:
    with TemporaryDirectory() as folder:
        path, clock = Path(folder) / "ledger.db", ManualClock(MIDNIGHT)
        ledger = Ledger.open(path, clock)
        for act in history:
            ledger = act(ledger, clock)
        ledger.seal()
        reader = LedgerReader(path)
        head, _ = reader.head()
        before = reader.statement(as_of=head)
        was = {number: reader.statement(as_of=number) for number in range(1, head + 1, stride)}
        shares = reader.shares(as_of=head) if head else None

        clock.advance(2 * 24 * 3600)
        rolled = 0
        while ledger.roll_up(RETENTION):
            rolled += 1
            clock.advance(4 * 3600)
            assert rolled < 500, "it never ends"
            assert reader.verify() == []
            if head:
                assert reader.statement(as_of=head) == before
                assert reader.shares(as_of=head) == shares
            for number, statement in was.items():
                _is_the_same_or_refused(reader, number, statement)
        ledger.close()
        assert reader.verify() == []


def _is_the_same_or_refused(reader: LedgerReader, number: int, statement: object) -> None:
    try:
        assert reader.statement(as_of=number) == statement
    except NotFound as refusal:
        assert f"entry {number} was rolled up with entries" in str(refusal)  # noqa: PT017
