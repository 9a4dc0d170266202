"""What is particular to each kind of recurring work."""

from datetime import UTC, datetime

import pytest

from lichen.control.recurring_kinds import recurring_kind
from lichen.core.errors import InvalidInput
from lichen.protocol.admin import JobKind

BEFORE, DUE = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)


def test_a_report_is_of_what_was_booked_since_the_due_moment_before() -> None:
    spec = {"standard": "ghg", "form": "html", "since": None}
    assert recurring_kind(JobKind.REPORT).dated(spec, BEFORE, DUE) == {
        "standard": "ghg",
        "form": "html",
        "since": "2026-10-01T00:00:00Z",
        "until": "2026-11-01T00:00:00Z",
    }


def test_a_report_of_a_model_has_no_span() -> None:
    spec = {"standard": "ai-act", "model": "load@champion"}
    assert recurring_kind(JobKind.REPORT).dated(spec, BEFORE, DUE) == spec


def test_a_training_is_the_same_each_time() -> None:
    assert recurring_kind(JobKind.TRAIN).dated({"data": "load"}, BEFORE, DUE) == {"data": "load"}


def test_kinds_that_begin_with_a_file_cannot_recur() -> None:
    with pytest.raises(InvalidInput, match="jobs of kind import cannot recur: choose one of train"):
        recurring_kind(JobKind.IMPORT)
