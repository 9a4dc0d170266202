"""Budgets as they are kept: written by the control plane, read by whoever spends."""

from collections.abc import Sequence

import msgspec

from lichen.carbon.budgets.budget import BUDGETS, Budget
from lichen.store.documents import DocumentStore, scan_all


def every_budget(documents: DocumentStore) -> Sequence[Budget]:
    """All budgets, by name.

    Raises:
        StorageFailed: the store cannot be read.
    """
    return [decoded_budget(one.body) for one in scan_all(documents, BUDGETS)]


def budget_named(documents: DocumentStore, name: str) -> Budget | None:
    """One budget as it is now; None when it is gone."""
    document = documents.get(BUDGETS, name)
    return None if document is None else decoded_budget(document.body)


def decoded_budget(body: bytes) -> Budget:
    """A budget from its document."""
    return msgspec.json.decode(body, type=Budget)
