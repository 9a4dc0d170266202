"""The ledger and the declarations that worked-example.md works out by hand."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from lichen.carbon.grids.averages import YearlyAverages
from lichen.carbon.intensity import IntensityValue, Kind, Scope, Signal
from lichen.carbon.ledger.accounts import LedgerReader
from lichen.carbon.ledger.chain import FORMAT, SCHEMA
from lichen.carbon.ledger.ledger import Ledger
from lichen.carbon.ledger.postings import Basis, Booking, Posting
from lichen.carbon.reports.declarations import Declarations, Declared, MarketFactor
from lichen.carbon.reports.model_facts import ModelFacts
from lichen.carbon.reports.page import STYLE
from lichen.carbon.reports.report import Question, month, report
from lichen.carbon.reports.writing import written
from lichen.core.clock import ManualClock
from lichen.core.figures import CarbonFigure, EnergyFigure, Method, Receipt
from lichen.core.units import Nanograms, Nanojoules
from lichen.protocol.reports import ReportFormat, Standard

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ENTRIES = 4
MILLI_KWH = 3_600_000_000_000
"""Nanojoules in a thousandth of a kilowatt-hour."""
GRAM, MILLIGRAM = 10**9, 10**6

LOAD, WIND = "work/default/load/load@1/fp32", "work/default/wind/wind@2/int8"
TRAINING, OVERHEAD = "work/default/job-7/load/train", "overhead/dataplane"
METER = "model specpower-2017-2021 v1"
HOST = "default: Dell R740, 1200 kg on 48 threads over 4 years"

DECLARATIONS = Declarations(
    organisation="Example Energy Agency",
    ownership="owned",
    market=MarketFactor(50.0, "supplier", "Example Power, product mix 2025", "invoice 2026-117"),
    direct=Declared(250.0, "example of a national inventory, 2024"),
    water_l_per_kwh=Declared(1.8, "example of the building's water meter, 2025"),
)

MODEL = ModelFacts(
    model="load",
    version=1,
    created_at=OCTOBER + timedelta(minutes=41),
    task="forecast",
    algorithm="ridge",
    code_version="0.1.0",
    parameters={"rows_fitted": 1000, "context": 168, "horizon": 24, "channels": ["load"]},
    inputs="history FP32 [-1, 168, 1] in MW",
    outputs="mean FP32 [-1, 24, 1] in MW",
    dataset="load version 1",
    receipt=Receipt(
        EnergyFigure(
            Nanojoules(20 * MILLI_KWH),
            Nanojoules(10 * MILLI_KWH),
            Nanojoules(28 * MILLI_KWH),
            Method.MODELLED,
            METER,
        ),
        CarbonFigure(
            Nanograms(10_400 * MILLIGRAM),
            Nanograms(4_660 * MILLIGRAM),
            Nanograms(16_840 * MILLIGRAM),
            "DE",
            "file grid.csv, column g_per_kwh",
        ),
        1_790_000_000,
    ),
    hardware="example CPU, 8 threads",
    job_id="job-7",
    started_at=OCTOBER + timedelta(minutes=10),
    finished_at=OCTOBER + timedelta(minutes=40, seconds=30),
    metadata=(
        'co2_eq_emissions:\n  emissions: 10.4\n  source: "an example"\n'
        '  training_type: "pre-training"\n  geographical_location: "DE"\n'
        '  hardware_used: "example CPU, 8 threads"\n'
    ),
)


def germany(g_per_kwh: float) -> Basis:
    """A basis of October: the interval of the intensity is 10 % to either side."""
    told = IntensityValue(
        g_per_kwh,
        round(g_per_kwh * 0.9, 1),
        round(g_per_kwh * 1.1, 1),
        "DE",
        "file grid.csv, column g_per_kwh",
        Signal.AVERAGE,
        Scope.LIFECYCLE,
        Kind.OBSERVED,
        3600,
    )
    return _basis(told)


def beijing() -> Basis:
    """The basis of November: the published factor of Beijing, direct."""
    return _basis(YearlyAverages().at("CN-BJ", NOVEMBER))


def _basis(told: IntensityValue) -> Basis:
    return Basis(told, Method.MODELLED, METER, 0.5, 1.4, 1.25, HOST, 0.4, 3.6)


def booking(start: datetime, basis: Basis, rows: dict[str, tuple[int, int, int]]) -> Booking:
    """An hour: by account its thousandths of a kWh, its milligrams, its units."""
    uses = [
        Posting(account, milli_kwh * MILLI_KWH, milligrams * MILLIGRAM, units)
        for account, (milli_kwh, milligrams, units) in rows.items()
    ]
    paid = Posting("meter", -sum(one.nj for one in uses), -sum(one.ng for one in uses))
    return Booking(start, start + HOUR, (paid, *uses), basis)


FIRST = {
    LOAD: (30, 15_600, 3000),
    WIND: (10, 5_200, 1000),
    TRAINING: (20, 10_400, 60),
    OVERHEAD: (4, 2_100, 0),
    "idle": (30, 17_000, 0),
    "host/other": (6, 3_120, 0),
}
SECOND = {
    LOAD: (50, 13_500, 5000),
    WIND: (10, 2_700, 1000),
    OVERHEAD: (6, 1_600, 0),
    "in-progress": (1, 270, 0),
    "idle": (30, 9_500, 0),
    "host/other": (3, 800, 0),
}
ADJUSTED = {
    LOAD: 1_250,
    WIND: 250,
    OVERHEAD: 150,
    "in-progress": 25,
    "idle": 750,
    "host/other": 75,
}
"""Milligrams, for 20 g/kWh more than booked."""
THIRD = {LOAD: (150, 107_137, 20_000), "idle": (50, 35_713, 0)}


def write_ledger(path: Path) -> None:
    """The four entries of the example, in books that have the same seed each time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    for statement in SCHEMA:
        connection.execute(statement)
    connection.execute("INSERT INTO books (format, seed) VALUES (?, 'an example')", (FORMAT,))
    connection.commit()
    connection.close()
    ledger = Ledger.open(path, ManualClock(OCTOBER))
    ledger.record(booking(OCTOBER, germany(400.0), FIRST))
    ledger.record(booking(OCTOBER + HOUR, germany(200.0), SECOND))
    moved = [Posting(account, 0, ng * MILLIGRAM) for account, ng in ADJUSTED.items()]
    moved.append(Posting("meter", 0, -sum(one.ng for one in moved)))
    note = "intensity of file known later: 220 g/kWh"
    ledger.adjust(OCTOBER + HOUR, moved, germany(220.0), note)
    ledger.record(booking(NOVEMBER, beijing(), THIRD))
    ledger.seal()
    ledger.close()


def question(standard: Standard, as_of: int | None = ENTRIES) -> Question:
    """What the example asks by each standard: October, November in Beijing, or the model."""
    if standard.is_of_a_model:
        return Question(standard=standard, as_of=as_of, model=MODEL)
    since, until = month("2026-11" if standard is Standard.GBT32150 else "2026-10")
    return Question(standard=standard, since=since, until=until, as_of=as_of)


def forms(standard: Standard) -> list[ReportFormat]:
    """The forms in which a report of this standard is kept here."""
    only_metadata = standard is not Standard.HUGGINGFACE
    return [one for one in ReportFormat if not (one is ReportFormat.YAML and only_metadata)]


def golden(content: bytes, digest: str) -> bytes:
    """A report without what stands elsewhere: the ledger's digest, which changes with its format,
    and the style of pages.
    """
    return content.replace(digest.encode(), b"{digest}").replace(STYLE.read_bytes(), b"{style}\n")


def main() -> None:
    """Write the golden files anew; read them through before you commit them."""
    with TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger.db"
        write_ledger(ledger)
        for standard in Standard:
            made = report(LedgerReader(ledger), question(standard), DECLARATIONS)
            for form in forms(standard):
                content = golden(written(made, form), made.ledger_digest)
                Path(__file__).with_name(f"{standard}.{form}").write_bytes(content)


if __name__ == "__main__":
    main()
