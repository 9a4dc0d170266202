"""Reports of a platform that runs: by its command line, its client, as of one entry."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from lichen.client.connection import Lichen, connect
from lichen.core.errors import NotFound
from lichen.protocol.reports import Report, ReportFormat, Standard

PATIENCE_SECONDS = 180.0


class Running(Protocol):
    home: Path


class Ended(Protocol):
    code: int
    out: str
    err: str
    sentence: str


Cli = Callable[..., Ended]


@pytest.fixture(scope="module")
def as_of(served: Running) -> int:
    """A sealed entry that holds the training and some answers."""
    with connect(home=served.home) as lichen:
        asked = False
        give_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up:
            made = _sealed(lichen)
            if made and any(section.title == "Deployment d" for section in made.sections):
                return made.as_of
            if not asked:  # no test before this one did
                lichen.predict("d")
                asked = True
            time.sleep(0.5)
    raise AssertionError("no entry was sealed that holds the deployment")


def figures(document: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for section in document["sections"] for one in section["figures"]}


def _sealed(lichen: Lichen) -> Report | None:
    """The report of all that is sealed; in the first minute of a platform nothing is."""
    try:
        return lichen.reports.show(Standard.SCI)
    except NotFound:
        return None


def test_a_report_of_the_running_platform_closes_with_its_ledger(
    as_of: int, served: Running, cli: Cli
) -> None:
    told = figures(json.loads(cli("report", "--as-of", str(as_of), "--json").out))
    with connect(home=served.home) as lichen:
        accounts = lichen._session.send("GET", "/ledger", {"as_of": as_of}).json()["accounts"]
    by_name = {one["account"]: one for one in accounts}
    other = by_name.get("host/other", {"nj": 0, "ng": 0})
    computers = sum(told[f"platform.{part}"]["exact"] for part in ("work", "reserved"))
    assert computers == -by_name["meter"]["nj"] - other["nj"]
    assert told["platform.c"]["exact"] == -by_name["meter"]["ng"] - other["ng"]
    assert told["deployment.d.sci"]["value"] > 0


def test_the_same_entry_gives_the_same_bytes_at_every_asking(
    as_of: int, served: Running, cli: Cli, tmp_path: Path
) -> None:
    page = tmp_path / "sci.html"
    assert cli("report", "--as-of", str(as_of), "--output", page).code == 0
    with connect(home=served.home) as lichen:
        lichen.predict("d")
        again = lichen.reports.write(Standard.SCI, ReportFormat.HTML, as_of=as_of)
    assert page.read_bytes() == again
    assert cli("report", "--as-of", str(as_of), "--format", "html").out.encode() == again


def test_a_model_that_was_trained_here_is_disclosed_with_its_receipt(
    as_of: int, served: Running, cli: Cli
) -> None:
    asked = ("report", "--standard", "ai-act", "--model", "m@1", "--as-of", str(as_of), "--json")
    told = figures(json.loads(cli(*asked).out))
    with connect(home=served.home) as lichen:
        receipt = lichen.models.show("m@1").receipt
    assert receipt is not None
    assert told["training.energy"]["exact"] == receipt.energy.nj
    assert told["training.flop"]["value"] > 1e6
    assert told["training.time"]["value"] > 0
    assert told["training.booked"]["exact"] >= receipt.energy.nj
    card = cli("models", "card", "m@1").out
    metadata = cli("report", "--standard", "huggingface", "--model", "m@1", "--format", "yaml")
    assert metadata.out.startswith("co2_eq_emissions:")
    assert metadata.out in card


def test_people_get_tables_and_reasons(as_of: int, cli: Cli) -> None:
    told = cli("report", "--standard", "ghg", "--as-of", str(as_of)).out
    assert "Booked in the ledger" in told
    assert "not known: whether the host is owned or rented is not declared" in told
    assert f"as of entry {as_of}, sha256 " in told
    model = cli("report", "--standard", "huggingface", "--model", "m@1").out
    assert "Hardware used: " in model
    assert "co2_eq_emissions:" in model


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--month", "2031-01"), 3, "the ledger holds nothing from 2031-01-01T00:00:00Z"),
        (("--month", "october"), 2, "month 'october' is no month"),
        (("--standard", "iso"), 2, "'iso' is not one of"),
        (("--standard", "ai-act"), 2, "is of a model: name one"),
        (("--standard", "ai-act", "--model", "nix@1"), 3, "there is no model 'nix'"),
        (("--deployment", "nix"), 3, "deployment 'nix' did no work in this span"),
        (("--as-of", "999999"), 3, "entry 999999 is not sealed yet"),
        (("--from", "2026-10-02", "--to", "2026-10-01"), 2, "is empty"),
        (("--output", "report.pdf"), 2, "does not say how to write it: end it in .json"),
        (("--json", "--format", "csv"), 2, "give --json or --format csv, not both"),
    ],
)
@pytest.mark.usefixtures("as_of")
def test_what_cannot_be_reported_ends_with_its_code(
    cli: Cli, arguments: tuple[str, ...], code: int, says: str
) -> None:
    ended = cli("report", *arguments)
    assert ended.code == code
    assert says in ended.sentence


@pytest.mark.usefixtures("as_of")
def test_a_file_that_cannot_be_written_is_said(cli: Cli, tmp_path: Path) -> None:
    ended = cli("report", "--output", tmp_path / "no" / "where.csv")
    assert ended.code == 1
    assert "where.csv" in ended.sentence
