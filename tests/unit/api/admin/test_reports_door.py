"""`/reports` at the door: forms and media types, statuses, who may ask, what a model's needs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

import httpx
import msgspec
import pytest
import worked_example as example

from lichen.api.admin_reports import reports
from lichen.api.admin_routes import Plane, Question
from lichen.carbon.ledger.ledger import Ledger
from lichen.control.deeds import Levers
from lichen.core.ids import DEFAULT_TENANT
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.protocol.reports import MEDIA_TYPES, Report, ReportFormat, Standard
from lichen.registry.manifest import Draft
from lichen.security.identity import Principal, Role

OCTOBER = {"month": "2026-10", "as_of": "4"}


class House(Protocol):
    plane: Plane

    def caller(self, role: Role | None = Role.ADMIN, tenant: str = "default") -> httpx.Client: ...


@pytest.fixture
def books(tmp_path: Path) -> None:
    """The worked example as the ledger of the house."""
    example.write_ledger(tmp_path / "ledger.db")


@pytest.fixture
def model(house: House) -> None:
    """`load@1` with the receipt of the example, which no job of this platform made."""
    signature = Signature(
        (TensorSpec("history", Datatype.FP32, (-1, 168, 1), "MW"),),
        (TensorSpec("mean", Datatype.FP32, (-1, 24, 1)),),
    )
    draft = Draft("load", "forecast", "ridge", signature, "0.1.0", receipt=example.MODEL.receipt)
    house.plane.catalog.register(replace(draft, hardware="example CPU"), {"model.onnx": b"weights"})


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize("standard", ["sci", "ghg", "gbt32150"])
def test_a_report_is_the_message_that_the_document_states(
    admin: httpx.Client, standard: str
) -> None:
    answer = admin.get("/reports", params={"standard": standard, **OCTOBER})
    assert answer.headers["content-type"] == "application/json"
    made = msgspec.json.decode(answer.content, type=Report)
    assert (made.standard, made.as_of, made.since) == (standard, 4, "2026-10-01T00:00:00Z")
    assert admin.get("/reports", params={"standard": standard, **OCTOBER}).content == answer.content


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize("form", [ReportFormat.JSON, ReportFormat.CSV, ReportFormat.HTML])
def test_a_form_is_asked_for_by_name_or_by_accept(admin: httpx.Client, form: ReportFormat) -> None:
    named = admin.get("/reports", params={**OCTOBER, "format": form})
    kind = MEDIA_TYPES[form].partition(";")[0]
    accepted = admin.get("/reports", params=OCTOBER, headers={"Accept": f"{kind}, */*;q=0.1"})
    assert named.headers["content-type"] == accepted.headers["content-type"] == MEDIA_TYPES[form]
    assert named.content == accepted.content


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/csv;q=0.2, text/html;q=0.9", "text/html; charset=utf-8"),
        ("text/html;q=0, text/csv", "text/csv; charset=utf-8"),
        ("text/html;q=often", "application/json"),
        ("image/png", "application/json"),
    ],
)
def test_accept_is_weighed_as_http_says(admin: httpx.Client, accept: str, kind: str) -> None:
    answer = admin.get("/reports", params=OCTOBER, headers={"Accept": accept})
    assert answer.headers["content-type"] == kind


@pytest.mark.usefixtures("books", "model")
def test_a_model_is_reported_by_its_manifest(admin: httpx.Client) -> None:
    asked = {"standard": "huggingface", "model": "load@1", "format": "yaml"}
    answer = admin.get("/reports", params=asked)
    assert answer.headers["content-type"] == "application/yaml"
    yaml = pytest.importorskip("yaml", reason="reading YAML back needs PyYAML")
    emissions = yaml.safe_load(answer.text)["co2_eq_emissions"]
    assert emissions["emissions"] == 10.4
    assert emissions["geographical_location"] == "DE"
    assert answer.text in admin.get("/models/load/versions/1/card").text

    report = admin.get("/reports", params={"standard": "ai-act", "model": "load@latest"}).json()
    assert [one["title"] for one in report["sections"]][1] == "Computational resources (point 2(d))"
    energy = report["sections"][2]["figures"][0]
    assert (energy["value"], energy["low"], energy["high"]) == (0.02, 0.01, 0.028)


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize(
    ("asked", "status", "says"),
    [
        ({"standard": "iso"}, 400, "the standard 'iso' is unknown: choose one of sci, ghg"),
        ({"format": "pdf"}, 400, "the format 'pdf' is unknown: choose one of json"),
        ({"format": "yaml"}, 400, "a report by sci is not written as yaml"),
        ({"month": "October"}, 400, "month 'October' is no month: write it as 2026-10"),
        ({"month": "2026-10", "from": "2026-10-01T00:00:00Z"}, 400, "not both"),
        ({"from": "yesterday"}, 400, "the query parameter 'from' is no time"),
        (
            {"from": "2026-10-02T00:00:00Z", "to": "2026-10-01T00:00:00Z"},
            400,
            "is empty: give a beginning before its end",
        ),
        ({"as_of": "0"}, 400, "give a number above 0"),
        ({"as_of": "77"}, 404, "entry 77 is not sealed yet; the last one is"),
        ({"month": "2031-01"}, 404, "the ledger holds nothing from 2031-01-01"),
        ({"deployment": "nix"}, 404, "deployment 'nix' did no work in this span"),
        ({"standard": "ghg", "deployment": "load"}, 400, "leave out deployment"),
        ({"standard": "ai-act"}, 400, "is of a model: name one"),
        ({"standard": "ai-act", "model": "nix@1"}, 404, "there is no model 'nix'"),
        ({"standard": "ai-act", "model": "a b"}, 400, "model name 'a b' is not usable"),
        ({"model": "load@1", "standard": "sci"}, 404, "there is no model 'load'"),
        ({"months": "2026-10"}, 400, "the query parameter 'months' is unknown"),
    ],
)
def test_what_cannot_be_reported_is_said_in_one_sentence(
    admin: httpx.Client, asked: dict[str, str], status: int, says: str
) -> None:
    answer = admin.get("/reports", params=asked)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["detail"]


@pytest.mark.usefixtures("books")
def test_a_span_of_all_time_is_everything(admin: httpx.Client) -> None:
    bounds = {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"}
    answer = admin.get("/reports", params=bounds)
    assert answer.status_code == 200, answer.text
    energy = answer.json()["sections"][1]["figures"]
    assert energy == admin.get("/reports").json()["sections"][1]["figures"]


@pytest.mark.usefixtures("books")
def test_an_entry_that_is_sealed_meanwhile_is_in_no_part_of_a_report(
    house: House, tmp_path: Path
) -> None:
    seen: list[int | None] = []

    class Meanwhile:
        """Levers that are asked in the very moment in which another entry is sealed."""

        def saved(
            self, span: object, as_of: int | None, *, tenant: str | None
        ) -> tuple[int, tuple[()]]:
            del span, tenant
            seen.append(as_of)
            ledger = Ledger.join(tmp_path / "ledger.db")
            later = example.OCTOBER + 5 * example.HOUR
            ledger.record(example.booking(later, example.germany(400.0), example.FIRST))
            ledger.seal()
            ledger.close()
            return as_of or 0, ()

    before = house.plane.ledger.head()[0]
    plane = replace(house.plane, levers=cast(Levers, Meanwhile()))
    question = Question(Principal("p", DEFAULT_TENANT, Role.ADMIN), {}, {})
    made = msgspec.json.decode(reports(plane, question).body, type=Report)
    assert house.plane.ledger.head()[0] > before
    assert seen == [made.as_of] == [before]


def test_without_a_ledger_there_is_no_report(admin: httpx.Client) -> None:
    answer = admin.get("/reports")
    assert answer.status_code == 404
    assert "there is no ledger" in answer.json()["detail"]


@pytest.mark.usefixtures("books")
def test_who_may_read_the_ledger_may_read_reports(house: House) -> None:
    statuses = {role: house.caller(role).get("/reports").status_code for role in (*Role, None)}
    assert statuses == {
        Role.ADMIN: 200,
        Role.OPERATOR: 200,
        Role.VIEWER: 200,
        Role.PREDICTOR: 403,
        None: 401,
    }


def test_the_document_tells_every_form_of_a_report(
    admin: httpx.Client, register: Callable[[str], None]
) -> None:
    register("m")
    told = admin.get("/openapi.json").json()["paths"]["/api/v1/reports"]["get"]
    kinds = {kind.partition(";")[0] for kind in MEDIA_TYPES.values()}
    assert set(told["responses"]["200"]["content"]) == kinds
    by_name = {one["name"]: one for one in told["parameters"]}
    assert all(standard in by_name["standard"]["description"] for standard in Standard)
