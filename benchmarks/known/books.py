"""What the ledger says of a run: every window while it is open, and every account at the end."""

import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from known.asking import Answers
from lichen.carbon.ledger.chain import postings_of
from lichen.carbon.ledger.postings import Posting
from lichen.carbon.ledger.sqlite_books import SqliteBooks
from lichen.client.connection import Lichen
from lichen.energy.closing import IDLE, METER, OVERHEAD_PREFIX, RATE_VARIANCE
from lichen.protocol.admin import AccountTotal

LOOK_SECONDS = 0.4
"""A window stays in the journal for at least a second, the last of a minute among them."""
MOST_VARIANCE = 0.02


class WindowWatch(threading.Thread):
    """Reads each window from the journal before its minute is sealed."""

    def __init__(self, ledger: Path) -> None:
        super().__init__(daemon=True)
        self._books = SqliteBooks(ledger)
        self._is_over = threading.Event()
        self.windows: dict[int, tuple[Posting, ...]] = {}
        """By their start, in microseconds since 1970."""

    def run(self) -> None:
        """Look until told to stop."""
        while not self._is_over.wait(LOOK_SECONDS):
            with self._books.reading() as session:
                rows = session.execute("SELECT started_us, content FROM journal").fetchall()
            self.windows |= {started: postings_of(content) for started, content in rows}

    def stop(self) -> None:
        """Look no more."""
        self._is_over.set()
        self.join()

    def worst_overhead(self) -> tuple[int, str]:
        """The least overhead of any window, in nanojoules, and whose it was."""
        return min(
            (
                (one.nj, one.account)
                for postings in self.windows.values()
                for one in postings
                if one.account.startswith(OVERHEAD_PREFIX)
            ),
            default=(0, "nobody"),
        )

    def worst_variance(self) -> float:
        """The largest rate-variance of any window, as a share of its dynamic energy."""
        shares = []
        for postings in self.windows.values():
            held = {one.account: one.nj for one in postings}
            dynamic_nj = -held.get(METER, 0) - held.get(IDLE, 0)
            if dynamic_nj > 0:
                shares.append(abs(held.get(RATE_VARIANCE, 0)) / dynamic_nj)
        return max(shares, default=0.0)


def variance_share(accounts: Iterable[AccountTotal]) -> float:
    """Rate-variance as a share of the dynamic energy of the whole run."""
    held = {one.account: one.nj for one in accounts}
    return abs(held.get(RATE_VARIANCE, 0)) / (-held[METER] - held.get(IDLE, 0))


Sums = Counter[tuple[str, str]]
"""By tenant, and deployment or job."""


def of_receipts(*told: Answers) -> tuple[Sums, Sums]:
    """Nanojoules and nanograms on receipts."""
    nj, ng = Sums(), Sums()
    for answers in told:
        accounts = [(tenant, asked.deployment) for tenant, asked in answers.kinds]
        for kind, one_nj, one_ng in zip(answers.kind, answers.nj, answers.ng, strict=True):
            nj[accounts[kind]] += one_nj
            ng[accounts[kind]] += one_ng
    return nj, ng


def of_ledger(client: Lichen) -> tuple[Sums, Sums]:
    """Nanojoules and nanograms that were charged to work."""
    nj, ng = Sums(), Sums()
    for one in client.ledger().accounts:
        if one.account.startswith("work/"):
            _, tenant, name, *_ = one.account.split("/")
            nj[tenant, name] += one.nj
            ng[tenant, name] += one.ng or 0
    return nj, ng
