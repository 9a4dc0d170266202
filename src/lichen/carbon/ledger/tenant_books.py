"""The ledger as the people of one tenant see it: what others pay for has its sums, and no names.

Every total is that of the whole ledger, so a statement still sums to zero and a report of the
platform still holds all of it; only whose work it was, and what it was called, is left out.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from lichen.carbon.ledger.accounts import AccountTotal, Statement
from lichen.carbon.ledger.shares import Extent, Share
from lichen.core.ids import TenantId
from lichen.protocol.admin import JobKind

HIDDEN = "*"
"""Stands for a name that is another tenant's; no name of ours has this letter."""
_WORK = "work"
_PARTS = 5
_JOBS = frozenset(JobKind)


class Books(Protocol):
    """What statements and reports are made from."""

    def statement(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        as_of: int | None = None,
    ) -> Statement:
        """Totals by account; see `LedgerReader.statement`."""
        ...

    def shares(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        as_of: int | None = None,
    ) -> tuple[Extent, list[Share]]:
        """What each account got on each basis; see `LedgerReader.shares`."""
        ...


class TenantBooks:
    """The same answers as `books`, with the accounts of other tenants under hidden names."""

    def __init__(self, books: Books, tenant: TenantId) -> None:
        self._books = books
        self._tenant = tenant

    def statement(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        as_of: int | None = None,
    ) -> Statement:
        """Totals by account; raises as `LedgerReader.statement`."""
        whole = self._books.statement(since, until, as_of)
        sums: dict[str, AccountTotal] = {}
        for one in whole.accounts:
            name = seen_account(one.account, self._tenant)
            had = sums.get(name, AccountTotal(name, 0, 0, 0))
            sums[name] = AccountTotal(name, had.nj + one.nj, had.ng + one.ng, had.units + one.units)
        return replace(whole, accounts=tuple(sums[name] for name in sorted(sums)))

    def shares(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        as_of: int | None = None,
    ) -> tuple[Extent, list[Share]]:
        """What each account got on each basis; raises as `LedgerReader.shares`."""
        extent, shares = self._books.shares(since, until, as_of)
        return extent, _added(self._seen(shares))

    def _seen(self, shares: Iterable[Share]) -> list[Share]:
        seen = [replace(one, account=seen_account(one.account, self._tenant)) for one in shares]
        return sorted(seen, key=lambda one: one.account)  # within one, by basis as before


def seen_account(account: str, tenant: TenantId) -> str:
    """The name under which a tenant sees an account: whose another's is, is hidden.

    A served version keeps its name, as all may see models; a job its number, by which jobs are
    counted.
    """
    parts = account.split("/")
    if parts[0] != _WORK or parts[1:2] == [tenant]:
        return account
    if len(parts) == _PARTS and parts[-1] in _JOBS:
        return "/".join((_WORK, HIDDEN, parts[2], HIDDEN, parts[-1]))
    return "/".join((_WORK, HIDDEN, HIDDEN, *parts[3:]))


def _added(shares: Iterable[Share]) -> list[Share]:
    """Those of one account and basis as one."""
    sums: dict[tuple[object, ...], Share] = {}
    for one in shares:
        key = (one.account, one.basis, one.is_adjustment)
        had = sums.get(key)
        sums[key] = (
            one
            if had is None
            else replace(one, nj=had.nj + one.nj, ng=had.ng + one.ng, units=had.units + one.units)
        )
    return list(sums.values())
