"""What the command line prints: tables, progress lines, receipts, CSV into tensors and back."""

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from lichen.cli import progress
from lichen.cli.output import print_table
from lichen.cli.predict import forecast_header, forecast_rows
from lichen.cli.progress import ProgressLine, drawing
from lichen.cli.receipts import receipt_line
from lichen.cli.tables import inputs_of, read_rows, rows_of
from lichen.client.inference import Answer
from lichen.core.errors import InvalidInput
from lichen.core.figures import CarbonFigure, EnergyFigure, Method, Receipt
from lichen.core.tensors import Datatype
from lichen.core.units import Nanograms, Nanojoules
from lichen.protocol.admin import Job, JobKind, JobState, NewestInput, Progress
from lichen.protocol.oip import ModelMetadata, TensorMetadata

FILE = Path("rows.csv")
ENERGY = EnergyFigure(
    Nanojoules(2_130_400), Nanojoules(900_100), Nanojoules(3_100_200), Method.MODELLED, "model"
)


def model(*inputs: TensorMetadata) -> ModelMetadata:
    return ModelMetadata(name="m", versions=["1"], platform="onnx", inputs=list(inputs), outputs=[])


def tensor(name: str, datatype: Datatype, *shape: int) -> TensorMetadata:
    return TensorMetadata(name=name, datatype=datatype, shape=list(shape))


def answer(**outputs: list[object]) -> Answer:
    return Answer(outputs, None, "m", "1")


def test_tables_pad_columns_and_put_numbers_to_the_right(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("name", "nJ"), [("a", 1), ("longer", -1200), (None, 5)])
    assert capsys.readouterr().out.splitlines() == [
        "name       nJ",
        "a           1",
        "longer  -1200",
        "            5",
    ]


def test_tables_stay_straight_with_signs_of_two_cells_and_of_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("列", "unit"), [("温度", "°C"), ("load", "MW"), ("cafe\u0301", "GW")])
    assert capsys.readouterr().out.splitlines() == [
        "列    unit",
        "温度  °C",
        "load  MW",
        "cafe\u0301  GW",
    ]


def test_a_receipt_says_energy_method_carbon_and_zone() -> None:
    carbon = CarbonFigure(Nanograms(410), Nanograms(170), Nanograms(700), "DE", "averages")
    assert receipt_line(Receipt(ENERGY, carbon, 0)) == (
        "2.13 mJ (900 µJ to 3.1 mJ, modelled), 410 ngCO2e (170 ng to 700 ng, DE)"
    )


def test_carbon_that_is_not_known_is_said_and_not_0() -> None:
    assert receipt_line(Receipt(ENERGY, None, 0)).endswith("modelled), carbon not known")


def running(stage: str, message: str) -> Job:
    return Job(
        id="j",
        kind=JobKind.TRAIN,
        state=JobState.RUNNING,
        tenant="default",
        spec={},
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        progress=Progress(stage=stage, fraction=0.5, message=message, nj=4_200_000_000),
    )


def test_progress_shows_share_stage_and_joules_so_far() -> None:
    drawn = drawing(running("ridge", "3 of 6"), 2.0)
    assert drawn == "[############............]  50% · ridge 3 of 6 · 4.2 J"


class Terminal(io.StringIO):
    """Somebody watches."""

    def isatty(self) -> bool:
        return True


def waiting() -> Job:
    return Job(
        id="job-7",
        kind=JobKind.TRAIN,
        state=JobState.QUEUED,
        tenant="default",
        spec={},
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        not_before=datetime(2026, 1, 2, tzinfo=UTC),
        waits_for="budget 'lab' has 5 J left",
    )


def test_what_a_job_waits_for_is_said_once_and_to_scripts_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = ProgressLine()
    for job in (waiting(), waiting(), running("ridge", ""), waiting()):
        line(job)
    assert capsys.readouterr().err == "job-7 budget 'lab' has 5 J left\n" * 2
    assert drawing(waiting(), 2.0) == "train waits until 2026-01-02T00:00:00Z · 2 s"


def test_a_paused_job_says_how_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    paused = msgspec.structs.replace(waiting(), state=JobState.PAUSED, not_before=None)
    line = ProgressLine()
    for job in (paused, paused):
        line(job)
    assert capsys.readouterr().err == "job-7 is paused: `lichen jobs resume job-7` lets it go on\n"
    assert drawing(paused, 2.0) == "train paused: `lichen jobs resume job-7` · 2 s"


def test_progress_keeps_to_one_line_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "SHOWN_AFTER_SECONDS", 0.0)
    monkeypatch.setenv("COLUMNS", "40")
    ProgressLine()(running("ridge", "x" * 100))
    assert len(terminal.getvalue().removeprefix(progress.CLEAR_LINE)) == 39


def test_a_forecast_becomes_rows_with_time_unit_and_quantiles() -> None:
    asked = NewestInput(
        request={},
        times=[datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(2)],
        targets=["a", "b"],
        units=["GW", None],
        quantile_levels=[0.1, 0.9],
    )
    got = answer(mean=[[[1, 2], [3, 4]]], quantiles=[[[[0, 2], [1, 3]], [[2, 4], [3, 5]]]])
    assert forecast_header(asked) == ["time", "target", "unit", "prediction", "q10", "q90"]
    assert list(forecast_rows(asked, got)) == [
        ["2026-01-01T00:00:00Z", "a", "GW", 1, 0, 2],
        ["2026-01-01T01:00:00Z", "a", "GW", 3, 2, 4],
        ["2026-01-01T00:00:00Z", "b", "", 2, 1, 3],
        ["2026-01-01T01:00:00Z", "b", "", 4, 3, 5],
    ]


def test_all_columns_in_order_make_a_single_input() -> None:
    rows = read_rows(FILE, b"\xef\xbb\xbfp,q\n1,2\n3,4.5\n")
    assert inputs_of(model(tensor("x", Datatype.FP32, -1, 2)), rows, FILE) == {
        "x": [[1.0, 2.0], [3.0, 4.5]]
    }


def test_columns_named_as_inputs_feed_them() -> None:
    rows = read_rows(FILE, b"n,t\n1,a\n2,b\n")
    wanted = model(tensor("n", Datatype.INT64, -1, 1), tensor("t", Datatype.BYTES, -1))
    assert inputs_of(wanted, rows, FILE) == {"n": [[1], [2]], "t": ["a", "b"]}


def test_columns_that_the_model_names_are_found_in_any_order() -> None:
    named = tensor("x", Datatype.FP32, -1, 2)
    named.parameters = {"columns": ["b", "a"]}
    rows = read_rows(FILE, b"a,other,b\n1,2,3\n")
    assert inputs_of(model(named), rows, FILE) == {"x": [[3.0, 1.0]]}
    with pytest.raises(InvalidInput, match="no column b"):
        inputs_of(model(named), read_rows(FILE, b"a\n1\n"), FILE)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no row"),
        (b"a,b\n", "holds no row"),
        (b"a,b\n1\n", "line 2: a field is missing"),
        (b"a,b\n1,2\n1,2,3\n", "line 3: a field is missing or too many"),
        (b"a,\xff\n1,2\n", "neither .json nor a CSV in UTF-8"),
    ],
)
def test_unreadable_rows_are_refused_by_line(content: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read_rows(FILE, content)


def test_columns_that_fit_no_input_and_bad_numbers_are_named() -> None:
    two = model(tensor("x", Datatype.FP32, -1, 1), tensor("y", Datatype.FP32, -1, 1))
    with pytest.raises(InvalidInput, match=r"has columns a; m takes x, y: name the columns"):
        inputs_of(two, read_rows(FILE, b"a\n1\n"), FILE)
    with pytest.raises(InvalidInput, match="'one' in column 'a' is no number of type FP32"):
        inputs_of(model(tensor("x", Datatype.FP32, -1, 1)), read_rows(FILE, b"a\none\n"), FILE)


def test_a_single_figure_a_row_is_called_prediction() -> None:
    assert rows_of(answer(y=[[1.0], [2.0]])) == [["prediction"], [1.0], [2.0]]
    assert rows_of(answer(label=["a"], scores=[[0.25, 0.75]])) == [
        ["label", "scores_0", "scores_1"],
        ["a", 0.25, 0.75],
    ]


def test_nothing_in_a_table_gives_the_terminal_orders(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("account", "nj"), [("work/\x1b[31mred\u202e", 1), ("work/a\nb\t名", 2)])
    assert capsys.readouterr().out.splitlines() == [
        "account                 nj",
        "work/\\x1b[31mred\\u202e   1",
        "work/a\\nb\\t名            2",
    ]
