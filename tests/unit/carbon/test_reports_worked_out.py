"""Reports against what was worked out by hand, and against the files that are kept (L3)."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import worked_example as example

from lichen.carbon.ledger.ledger import Ledger, LedgerReader
from lichen.carbon.reports.report import report
from lichen.carbon.reports.writing import written
from lichen.core.clock import ManualClock
from lichen.protocol.reports import ReportFormat, Standard

GOLDEN = Path(example.__file__).parent
KEPT = [(standard, form) for standard in Standard for form in example.forms(standard)]
IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
import worked_example as example
from lichen.carbon.ledger.accounts import LedgerReader
from lichen.carbon.reports.report import report
from lichen.carbon.reports.writing import written
from lichen.protocol.reports import ReportFormat, Standard
ledger = LedgerReader(Path(sys.argv[1]))
for standard in Standard:
    made = report(ledger, example.question(standard), example.DECLARATIONS)
    for form in example.forms(standard):
        sys.stdout.buffer.write(written(made, form))
"""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> LedgerReader:
    path = tmp_path_factory.mktemp("example") / "ledger.db"
    example.write_ledger(path)
    return LedgerReader(path)


def worked_out() -> Iterator[list[str]]:
    """The rows of the tables headed `figure`: figure, value, low, high, unit."""
    heading = ""
    for line in (GOLDEN / "worked-example.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            heading = ""
        elif not heading:
            heading = cells[0]
        elif heading == "figure" and not cells[0].startswith("-"):
            yield cells


def figures(content: bytes) -> dict[str, Any]:
    sections = json.loads(content)["sections"]
    return {one["name"]: one for section in sections for one in section["figures"]}


def content(ledger: LedgerReader, standard: Standard, form: ReportFormat) -> bytes:
    return written(report(ledger, example.question(standard), example.DECLARATIONS), form)


@pytest.mark.parametrize("row", list(worked_out()), ids=lambda row: row[0])
def test_each_total_is_what_was_worked_out_by_hand(ledger: LedgerReader, row: list[str]) -> None:
    name, value, low, high, unit = row
    standard, _, figure = name.partition(": ")
    found = figures(content(ledger, Standard(standard), ReportFormat.JSON))[figure]
    assert (found["value"], found["unit"]) == (float(value), unit)
    if low:
        assert (found["low"], found["high"]) == (float(low), float(high))


def test_the_page_worked_out_by_hand_covers_every_standard() -> None:
    rows = list(worked_out())
    assert {row[0].partition(":")[0] for row in rows} == set(Standard)
    assert len(rows) > 40


@pytest.mark.parametrize(("standard", "form"), KEPT)
def test_each_report_is_byte_for_byte_the_one_that_is_kept(
    ledger: LedgerReader, standard: Standard, form: ReportFormat
) -> None:
    made = report(ledger, example.question(standard), example.DECLARATIONS)
    kept = (GOLDEN / f"{standard}.{form}").read_bytes()
    assert example.golden(written(made, form), made.ledger_digest) == kept


def test_another_process_writes_the_same_bytes_after_later_bookings(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    example.write_ledger(path)
    before = b"".join(content(LedgerReader(path), standard, form) for standard, form in KEPT)

    later = Ledger.open(path, ManualClock(example.NOVEMBER))
    later.record(example.booking(example.OCTOBER, example.germany(700.0), example.FIRST))
    later.record(example.booking(example.NOVEMBER + example.HOUR, example.beijing(), example.THIRD))
    later.close()
    environment = {"PYTHONPATH": ":".join(sys.path), "TZ": "Asia/Shanghai", "PYTHONHASHSEED": "7"}
    after = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS, str(path)],
        capture_output=True,
        check=True,
        env=environment,
    )

    assert after.stdout == before
    newest = report(LedgerReader(path), example.question(Standard.SCI, None), example.DECLARATIONS)
    assert newest.as_of > example.ENTRIES
    assert written(newest, ReportFormat.JSON) not in before


def test_the_exact_parts_of_a_report_sum_to_the_whole(ledger: LedgerReader) -> None:
    found = figures(content(ledger, Standard.SCI, ReportFormat.JSON))
    subjects = ("deployment.load", "deployment.wind", "train.load")
    for part in ("work", "reserved", "building", "e", "o", "m", "c"):
        whole = found[f"platform.{part}"]["exact"]
        assert sum(found[f"{one}.{part}"]["exact"] for one in subjects) == whole
    scopes = figures(content(ledger, Standard.GHG, ReportFormat.JSON))
    parts = ("scope2.location", "scope3.2", "scope3.3")
    assert sum(scopes[one]["exact"] for one in parts) == scopes["total.booked"]["exact"]


def test_csv_holds_the_very_figures_of_json(ledger: LedgerReader) -> None:
    for standard in Standard:
        told = figures(content(ledger, standard, ReportFormat.JSON))
        text = content(ledger, standard, ReportFormat.CSV).decode("utf-8-sig")
        rows = [row for row in csv.DictReader(io.StringIO(text)) if row["name"] in told]
        assert len(rows) == len(told)
        for row in rows:
            figure = told[row["name"]]
            assert (float(row["value"]) if row["value"] else None) == figure["value"]
            assert row["absent"] == (figure["absent"] or "")
            assert row["exact"] == ("" if figure["exact"] is None else str(figure["exact"]))


def test_every_figure_says_unit_interval_method_and_provenance_or_why_not(
    ledger: LedgerReader,
) -> None:
    for standard in Standard:
        for one in figures(content(ledger, standard, ReportFormat.JSON)).values():
            assert one["unit"]
            assert one["label"]
            if one["value"] is None:
                assert one["absent"], one["name"]
            else:
                assert one["absent"] is None
                assert all(one[part] for part in ("interval", "method", "provenance", "formula"))
