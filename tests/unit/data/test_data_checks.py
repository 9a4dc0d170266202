from collections.abc import Callable
from pathlib import Path

from lichen.data.datasets import Datasets
from lichen.data.findings import Finding, Severity
from lichen.data.options import IngestOptions

WriteFile = Callable[..., Path]


def findings_of(
    datasets: Datasets, path: Path, options: IngestOptions | None = None
) -> dict[str, Finding]:
    found = datasets.ingest("x", path, options).findings
    assert all(finding.sentence and finding.remedy for finding in found)
    return {finding.code: finding for finding in found}


def hours(header: str, cells: Callable[[int], str], count: int = 60) -> str:
    rows = (f"2026-01-{1 + i // 24:02d}T{i % 24:02d}:00:00Z,{cells(i)}\n" for i in range(count))
    return f"time,{header}\n" + "".join(rows)


def test_clean_rows_have_no_findings(datasets: Datasets, write: WriteFile) -> None:
    path = write(hours("load (kW)", lambda i: str(i % 24 + i / 100)))
    assert findings_of(datasets, path) == {}


def test_gaps_are_counted_and_placed(datasets: Datasets, write: WriteFile) -> None:
    lines = hours("load (kW)", str).splitlines(keepends=True)
    gap = findings_of(datasets, write("".join(lines[:11] + lines[13:30] + lines[31:])))["gaps"]
    assert (gap.severity, gap.count, gap.column) == (Severity.WARNING, 2, "time")
    assert gap.times == ("2026-01-01T09:00:00Z", "2026-01-02T04:00:00Z")
    assert "about 3 steps of PT1H" in gap.sentence


def test_times_off_their_step_are_told(datasets: Datasets, write: WriteFile) -> None:
    text = hours("load (kW)", str).replace("T07:00:00Z,7\n", "T07:05:00Z,7\n")
    assert findings_of(datasets, write(text))["uneven-steps"].count == 2


def test_irregular_times_are_told(datasets: Datasets, write: WriteFile) -> None:
    rows = "".join(f"2026-01-01T00:{i * i:02d}:00Z,{i}\n" for i in range(7))
    assert "irregular-steps" in findings_of(datasets, write("time,x (kW)\n" + rows))


def test_missing_values_are_counted_and_placed(datasets: Datasets, write: WriteFile) -> None:
    found = findings_of(datasets, write(hours("x (kW)", lambda i: "" if i < 6 else str(i))))
    missing = found["missing-values"]
    assert (missing.severity, missing.count, missing.rows) == (Severity.WARNING, 6, (1, 2, 3, 4, 5))
    assert missing.times[0] == "2026-01-01T00:00:00Z"


def test_an_empty_column_is_an_error_and_a_constant_one_a_warning(
    datasets: Datasets, write: WriteFile
) -> None:
    found = findings_of(datasets, write(hours("a (kW),b (kW)", lambda _: ",5")))
    assert (found["empty-column"].severity, found["empty-column"].column) == ("error", "a (kW)")
    assert found["constant-column"].column == "b (kW)"


def test_outliers_are_placed(datasets: Datasets, write: WriteFile) -> None:
    path = write(hours("x (kW)", lambda i: "9000" if i == 30 else str(i % 7)))
    outliers = findings_of(datasets, path)["outliers"]
    assert (outliers.rows, outliers.times) == ((31,), ("2026-01-02T06:00:00Z",))


def test_a_mark_for_missing_is_suggested_and_not_called_an_outlier(
    datasets: Datasets, write: WriteFile
) -> None:
    path = write(hours("x (kW)", lambda i: "-200" if i % 20 == 3 else str(i % 7)))
    found = findings_of(datasets, path)
    assert found["missing-marker"].remedy.endswith("missing=-200")
    assert found["missing-marker"].count == 3
    assert "outliers" not in found
    again = findings_of(datasets, path, IngestOptions(missing=("-200",)))
    assert again["missing-values"].count == 3


def test_real_values_are_no_marks(datasets: Datasets, write: WriteFile) -> None:
    path = write(hours("x (kW)", lambda i: str((i % 5 - 2) * 100)))
    assert "missing-marker" not in findings_of(datasets, path)


def test_columns_that_move_as_one_are_suspect(datasets: Datasets, write: WriteFile) -> None:
    path = write(hours("a (kW),b (W)", lambda i: f"{i * i % 37},{1000 * (i * i % 37)}"))
    assert "'a (kW)' and 'b (W)'" in findings_of(datasets, path)["leakage-suspect"].sentence


def test_a_column_that_knows_what_comes_is_suspect(datasets: Datasets, write: WriteFile) -> None:
    path = write(hours("a (kW),b (kW)", lambda i: f"{i * i % 37},{(i + 1) * (i + 1) % 37}"))
    found = findings_of(datasets, path, IngestOptions(targets=("a (kW)",)))
    assert "next value of target 'a (kW)'" in found["leakage-suspect"].sentence


def test_units_that_are_not_said_are_asked_for(datasets: Datasets, write: WriteFile) -> None:
    path = write(hours("x", str))
    assert "1 column says no unit (x)" in findings_of(datasets, path)["unit-unknown"].sentence
    said = datasets.ingest("y", path, IngestOptions(units={"x": "kW"}))
    assert said.schema.column("x").unit == "kW"
    assert said.findings == ()
