"""Reports where something is not known, not declared, or not fit: absent with its reason (M5)."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
import worked_example as example

from lichen.carbon.intensity import Scope, Signal
from lichen.carbon.ledger.accounts import LedgerReader
from lichen.carbon.ledger.ledger import Ledger
from lichen.carbon.ledger.postings import Basis
from lichen.carbon.ledger.rollup import Retention
from lichen.carbon.reports.activity import activity
from lichen.carbon.reports.amounts import Amount
from lichen.carbon.reports.declarations import Declarations, Declared, MarketFactor
from lichen.carbon.reports.figures import shown
from lichen.carbon.reports.page import STYLE
from lichen.carbon.reports.report import Question, month, report
from lichen.carbon.reports.savings import Saving
from lichen.carbon.reports.training_compute import operations
from lichen.carbon.reports.writing import message, written
from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput, NotFound
from lichen.protocol.reports import Report, ReportFormat, Standard

OWNED = Declarations(ownership="owned")


def books(path: Path, *bases: Basis, rows: dict[str, tuple[int, int, int]]) -> LedgerReader:
    """A ledger of one hour on each basis."""
    ledger = Ledger.open(path, ManualClock(example.OCTOBER))
    for hour, basis in enumerate(bases):
        ledger.record(example.booking(example.OCTOBER + hour * example.HOUR, basis, rows))
    ledger.seal()
    return LedgerReader(path)


@pytest.fixture
def ledger(tmp_path: Path) -> LedgerReader:
    example.write_ledger(tmp_path / "ledger.db")
    return LedgerReader(tmp_path / "ledger.db")


def told(
    ledger: LedgerReader, question: Question, declared: Declarations = OWNED
) -> dict[str, Any]:
    sections = message(report(ledger, question, declared)).sections
    return {one.name: one for section in sections for one in section.figures}


GHG = Question(standard=Standard.GHG)
SCI = Question(standard=Standard.SCI)


def test_a_month_begins_and_ends_at_midnight_utc() -> None:
    assert month("2026-12") == (
        datetime(2026, 12, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "2026-1", "0000-01", "october", ""])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="write it as 2026-10"):
        month(text)


def test_an_empty_span_and_one_without_bookings_are_refused(ledger: LedgerReader) -> None:
    start = example.OCTOBER
    with pytest.raises(InvalidInput, match="is empty: give a beginning before its end"):
        report(ledger, replace(SCI, since=start, until=start))
    since, until = month("2031-01")
    with pytest.raises(
        NotFound, match=r"holds nothing from 2031-01-01T00:00:00Z .* ends at 2026-11"
    ):
        report(ledger, replace(SCI, since=since, until=until))
    with pytest.raises(NotFound, match="as of entry 3"):
        report(ledger, replace(SCI, since=example.NOVEMBER, as_of=3))


def test_no_ledger_no_sealed_entry_and_no_such_entry_are_not_found(
    ledger: LedgerReader, tmp_path: Path
) -> None:
    with pytest.raises(NotFound, match="there is no ledger"):
        report(LedgerReader(tmp_path / "none.db"), SCI)
    Ledger.open(tmp_path / "new.db", ManualClock(example.OCTOBER)).close()
    with pytest.raises(NotFound, match="no entry of the ledger is sealed yet"):
        report(LedgerReader(tmp_path / "new.db"), SCI)
    with pytest.raises(NotFound, match="entry 99 is not sealed yet; the last one is"):
        report(ledger, replace(SCI, as_of=99))


def test_what_does_not_fit_the_standard_is_refused(ledger: LedgerReader) -> None:
    model = example.MODEL
    unfit = {
        "is of a model: name one": Question(standard=Standard.AI_ACT),
        "takes no month": Question(
            standard=Standard.HUGGINGFACE, model=model, since=example.OCTOBER
        ),
        "is of a span, not of a model": replace(SCI, model=model),
        "is of the whole platform": replace(GHG, deployment="load"),
    }
    for sentence, question in unfit.items():
        with pytest.raises(InvalidInput, match=sentence):
            report(ledger, question)
    with pytest.raises(InvalidInput, match="not written as yaml: ask for json, csv or html"):
        written(report(ledger, SCI), ReportFormat.YAML)


def test_a_deployment_is_scored_alone_or_not_found(ledger: LedgerReader) -> None:
    alone = told(ledger, replace(SCI, deployment="wind", until=example.NOVEMBER))
    assert alone["deployment.wind.sci"].value == 0.00669125
    assert "platform.sci" not in alone
    with pytest.raises(NotFound, match=r"'nix' did no work .* those that did: load, wind"):
        report(ledger, replace(SCI, deployment="nix"))


def test_a_metered_command_is_scored_by_its_runs(tmp_path: Path) -> None:
    rows = {"work/default/nightly etl/command/run": (10, 5_500, 4), "idle": (10, 5_500, 0)}
    books_of_it = books(tmp_path / "l.db", example.germany(400.0), rows=rows)
    found = told(books_of_it, SCI)
    assert found["run.nightly etl.r"].value == 4
    assert found["run.nightly etl.sci"].value == 2.75
    assert found["run.nightly etl.sci"].unit == "gCO2e/run"
    assert found["platform.sci"].value is None
    page = written(report(books_of_it, SCI), ReportFormat.HTML).decode()
    assert '<tr id="run.nightly-etl.sci">' in page
    assert "Command nightly etl" in page


def test_planning_is_scored_by_its_plans_and_is_no_deployment(tmp_path: Path) -> None:
    rows = {"work/default/planner/-/plan": (10, 5_500, 4), "idle": (10, 5_500, 0)}
    books_of_it = books(tmp_path / "l.db", example.germany(400.0), rows=rows)
    found = told(books_of_it, SCI)
    assert found["plan.planner.r"].value == 4
    assert found["plan.planner.sci"].unit == "gCO2e/plan"
    assert "Planning when jobs run" in written(report(books_of_it, SCI), ReportFormat.HTML).decode()


def test_without_requests_there_is_energy_and_no_score(tmp_path: Path) -> None:
    idle = books(tmp_path / "l.db", example.germany(400.0), rows={"idle": (10, 5_000, 0)})
    found = told(idle, SCI)
    assert found["platform.e"].value == 0.0125
    assert found["platform.sci"].value is None
    assert "no request was done" in found["platform.sci"].absent
    assert message(report(idle, SCI)).sections[1].title == "Whole platform"


def test_a_building_of_which_nothing_is_known_uses_no_energy_that_is_known(tmp_path: Path) -> None:
    rows = {"work/default/load/load@1/fp32": (10, 5_000, 1)}
    no_pue = replace(example.germany(400.0), pue=1.0)
    unset = told(books(tmp_path / "unset.db", no_pue, rows=rows), SCI)
    assert unset["platform.building"].value is None
    assert "set pue" in unset["platform.building"].absent
    assert unset["platform.e"].value == 0.01
    stated = told(books(tmp_path / "stated.db", replace(no_pue, pue=1.2), rows=rows), SCI)
    assert stated["platform.building"].value == 0.002


def test_idle_energy_keeps_the_interval_that_its_meter_knows(tmp_path: Path) -> None:
    rows = {"idle": (10, 5_000, 0), "work/default/load/vic@1/fp32": (10, 5_000, 1)}
    one_for_both = example.germany(400.0)
    its_own = replace(one_for_both, idle_low=0.9, idle_high=1.1)
    for name, basis, low, high in (("a", one_for_both, 0.5, 1.4), ("b", its_own, 0.9, 1.1)):
        extent, shares = books(tmp_path / name, basis, rows=rows).shares()
        found = activity(extent, shares)
        energy = found.idle.energy
        assert (energy.low, energy.high) == (round(low * energy.value), round(high * energy.value))
        work = found.accounts["work/default/load/vic@1/fp32"].energy
        assert (work.low, work.high) == (work.value // 2, round(1.4 * work.value))


def test_an_undeclared_owner_leaves_the_scopes_empty_and_the_total_known(
    ledger: LedgerReader,
) -> None:
    found = told(ledger, GHG, Declarations())
    for name in ("scope2.location", "scope2.market", "scope3.1", "scope3.2", "scope3.3"):
        assert found[name].value is None
        assert "set host_ownership" in found[name].absent
    assert found["total.booked"].value is not None
    assert found["total.location"].value is None


def test_a_rented_host_moves_all_of_it_to_scope_3_category_1(ledger: LedgerReader) -> None:
    found = told(ledger, GHG, Declarations(ownership="rented"))
    assert found["scope3.1"].exact == found["total.booked"].exact == found["total.location"].exact
    for name in ("scope2.location", "scope2.market", "scope3.2", "scope3.3"):
        assert "rented" in found[name].absent
    assert found["total.market"].value is None


def test_a_life_cycle_intensity_stands_whole_in_scope_2_and_says_so(ledger: LedgerReader) -> None:
    found = told(ledger, replace(GHG, until=example.NOVEMBER))
    assert found["scope2.location"].value == 0.073675
    assert "(category 3) is in this figure" in found["scope2.location"].provenance
    assert "stands whole in scope 2" in found["scope3.3"].absent
    assert found["total.location"].exact == found["total.booked"].exact


def test_a_direct_intensity_needs_a_declared_upstream_for_category_3(ledger: LedgerReader) -> None:
    november = replace(GHG, since=example.NOVEMBER)
    bare = told(ledger, november)
    assert bare["scope2.location"].value == 0.13885
    assert "set upstream_g_per_kwh" in bare["scope3.3"].absent
    upstream = replace(OWNED, upstream=Declared(60.0, "an inventory, 2024"))
    assert told(ledger, november, upstream)["scope3.3"].value == 0.015  # 0.25 kWh x 60 g
    unsourced = replace(OWNED, upstream=Declared(60.0, None))
    assert told(ledger, november, unsourced)["scope3.3"].value is None


def test_a_direct_factor_above_the_life_cycle_is_refused_as_wrong(ledger: LedgerReader) -> None:
    wrong = replace(OWNED, direct=Declared(900.0, "a slip"))
    found = told(ledger, replace(GHG, until=example.NOVEMBER), wrong)
    assert "above the life-cycle intensity" in found["scope3.3"].absent


def test_upstream_and_totals_never_reach_below_nothing(ledger: LedgerReader) -> None:
    """The hours' intensity may be lower than a mean direct factor; what is upstream may not."""
    market = MarketFactor(0.0, "supplier", "Example Power", "invoice")
    october = replace(GHG, until=example.NOVEMBER)
    life_cycle = told(ledger, october)["scope2.location"]
    kwh = told(ledger, october)["energy.purchased"].value
    nearly_all = 990 * life_cycle.value / kwh
    declared = replace(OWNED, direct=Declared(nearly_all, "an inventory"), market=market)
    found = told(ledger, october, declared)
    assert found["scope3.3"].low == 0 < found["scope3.3"].value
    assert found["total.market"].low >= found["scope3.2"].low >= 0


def test_a_market_factor_without_evidence_gives_no_figure(ledger: LedgerReader) -> None:
    market = MarketFactor(50.0, "supplier", "Example Power", None)
    found = told(ledger, GHG, replace(OWNED, market=market))
    assert "without evidence: set market_evidence" in found["scope2.market"].absent
    none = told(ledger, GHG)
    assert "no instrument, supplier's rate or residual mix" in none["scope2.market"].absent


def test_marginal_intensities_give_no_location_based_figure(tmp_path: Path) -> None:
    basis = example.germany(400.0)
    marginal = replace(basis, intensity=replace(basis.intensity, signal=Signal.MARGINAL))
    rows = {example.LOAD: (10, 5_000, 100)}
    found = told(books(tmp_path / "l.db", basis, marginal, rows=rows), GHG)
    assert "marginal intensities priced some" in found["scope2.location"].absent
    assert "marginal" in found["scope3.3"].absent
    assert found["total.booked"].value is not None


def test_books_without_an_interval_of_the_embodied_carbon_state_none(tmp_path: Path) -> None:
    old = replace(example.germany(400.0), embodied_low=None, embodied_high=None)
    rows = {example.LOAD: (10, 5_500, 100)}
    found = told(books(tmp_path / "l.db", old, rows=rows), SCI)
    assert found["platform.m"].value == 0.5
    assert (found["platform.m"].low, found["platform.m"].high) == (None, None)
    assert (found["platform.sci"].low, found["platform.sci"].high) == (None, None)
    assert found["factor.embodied"].interval == "not stated by its source"


def test_without_embodied_carbon_all_grams_are_electricity(tmp_path: Path) -> None:
    bare = replace(example.germany(400.0), embodied=None)
    found = told(books(tmp_path / "l.db", bare, rows={example.LOAD: (10, 5_000, 1)}), GHG)
    assert found["scope2.location"].exact == 5_000_000_000
    assert "set embodied_kg_per_thread" in found["scope3.2"].absent


def test_energy_outside_china_gets_no_chinese_factor(ledger: LedgerReader) -> None:
    found = told(ledger, Question(standard=Standard.GBT32150))
    assert found["ad"].value == 0.00048875
    assert found["ef.DE"].value is None
    assert found["e.CN-BJ"].value == 0.00013885
    assert found["e"].value is None
    assert found["e.nation"].value is None


def test_the_annex_for_china_is_in_chinese_and_names_the_announcement(
    ledger: LedgerReader,
) -> None:
    made = report(ledger, example.question(Standard.GBT32150))
    assert made.language == "zh-CN"
    text = written(made, ReportFormat.CSV).decode()
    assert text.startswith("\ufeff")
    assert "公告2025年第47号" in text
    assert "北京" in text
    assert "购入电力" in text


def test_water_needs_a_source(ledger: LedgerReader) -> None:
    unsourced = told(ledger, SCI, Declarations(water_l_per_kwh=Declared(1.8, None)))
    assert "set water_source" in unsourced["water"].absent
    dry = told(ledger, SCI, Declarations(water_l_per_kwh=Declared(0.0, "air cooled")))
    assert dry["water"].value == 0.0


def test_a_roll_up_changes_no_byte_of_a_report(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    ledger = Ledger.open(path, ManualClock(example.NOVEMBER))
    minute = timedelta(minutes=1)
    for at in range(150):
        booked = example.booking(example.OCTOBER, example.germany(400.0 + at // 40), example.FIRST)
        start = example.OCTOBER + at * minute
        ledger.record(replace(booked, started_at=start, ended_at=start + minute))
    ledger.seal()
    asked = [replace(one, as_of=LedgerReader(path).head()[0]) for one in (SCI, GHG)]
    before = [written(report(LedgerReader(path), one), ReportFormat.JSON) for one in asked]
    entries = len(LedgerReader(path).entries(limit=1000))

    booked = example.booking(example.OCTOBER + timedelta(days=9), example.germany(9.0), {})
    ledger.record(booked)
    while ledger.roll_up(Retention(minutes=timedelta(0))):
        pass

    assert len(LedgerReader(path).entries(limit=1000)) < entries / 4
    after = [written(report(LedgerReader(path), one), ReportFormat.JSON) for one in asked]
    assert after == before
    ledger.close()


def test_many_sources_of_intensity_are_named_under_factors_alone(tmp_path: Path) -> None:
    basis = example.germany(400.0)
    sources = [
        replace(basis, intensity=replace(basis.intensity, source=f"source {number}"))
        for number in range(5)
    ]
    found = told(books(tmp_path / "l.db", *sources, rows={example.LOAD: (10, 5_000, 1)}), SCI)
    assert "5 sources of intensity, listed under Factors" in found["platform.c"].provenance
    assert "source 4; 20 % of the energy" in found["factor.intensity.5"].provenance


def test_a_value_that_is_carried_on_is_the_same_source(tmp_path: Path) -> None:
    basis = example.germany(400.0)
    carried = f"{basis.intensity.source}; carried on from 2026-10-01 00:00Z"
    later = replace(basis, intensity=replace(basis.intensity, source=carried))
    found = told(books(tmp_path / "l.db", basis, later, rows={example.LOAD: (1, 500, 1)}), SCI)
    assert "factor.intensity.2" not in found


def test_a_gap_is_shown_as_time_not_metered(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    ledger = Ledger.open(path, ManualClock(example.OCTOBER))
    ledger.record(example.booking(example.OCTOBER, example.germany(400.0), example.FIRST))
    later = ManualClock(example.OCTOBER + timedelta(hours=5))
    Ledger.open(path, later).close()  # the first never closed its books
    found = told(LedgerReader(path), SCI)
    assert (found["metered"].value, found["gaps"].value) == (1.0, 4.0)


def test_a_model_that_was_not_trained_here_says_so(ledger: LedgerReader) -> None:
    foreign = replace(
        example.MODEL,
        model="foreign",
        receipt=None,
        job_id=None,
        started_at=None,
        finished_at=None,
        metadata="",
    )
    found = told(ledger, Question(standard=Standard.AI_ACT, model=foreign))
    for name in ("training.flop", "training.time", "training.energy", "training.carbon"):
        assert "not trained here" in found[name].absent
    assert "answered nothing" in found["use.energy"].absent
    card = told(ledger, Question(standard=Standard.HUGGINGFACE, model=foreign))
    assert "not trained here" in card["emissions"].absent


def test_a_receipt_without_carbon_gives_energy_and_a_reason(ledger: LedgerReader) -> None:
    assert example.MODEL.receipt is not None
    bare = replace(example.MODEL, receipt=replace(example.MODEL.receipt, carbon=None))
    found = told(ledger, Question(standard=Standard.AI_ACT, model=bare))
    assert found["training.energy"].value == 0.02
    assert "no intensity was known" in found["training.carbon"].absent
    card = told(ledger, Question(standard=Standard.HUGGINGFACE, model=bare))
    assert "no intensity was known" in card["emissions"].absent


def test_operations_are_known_in_closed_form_or_not_at_all() -> None:
    ridge = {"rows_fitted": 1000, "context": 168, "horizon": 24}
    assert operations("ridge", ridge).flop == 34_393_979
    assert operations("ridge", {**ridge, "channels": ["a", "b"]}).flop == 2 * 34_393_979
    assert operations("ridge", {**ridge, "rows_fitted": 100}).flop is None
    assert operations("ridge", {}).flop is None
    assert "no closed form" in operations("lightgbm", ridge).says


def test_savings_stand_beside_the_report_and_in_no_total(ledger: LedgerReader) -> None:
    saving = Saving(
        "variants",
        "Cheaper variants",
        "every request at fp32",
        Amount(10**12, 10**11, 10**13),
        Amount(10**9, 10**8, 10**10),
        "modelled",
        "receipts and their baselines",
    )
    for question in (SCI, GHG):
        without = message(report(ledger, question, OWNED))
        with_savings = message(report(ledger, question, OWNED, (saving,)))
        assert with_savings.sections[:-1] == without.sections[:-1]
        beside = with_savings.sections[-1]
        assert beside.figures[1].value == 1.0
        assert "every request at fp32" in beside.figures[1].formula
        assert "no total of this report contains it" in beside.notes[0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(72, 5), "14.4"),
        (Fraction(1, 3), "0.333333"),
        (Fraction(2, 3_000_000), "0.000000666667"),
        (Fraction(-1, 8), "-0.125"),
        (Fraction(5, 10_000_000), "0.0000005"),
        (Fraction(1_000_000_005, 10_000_000), "100.0000005"[:-1].rstrip("0").rstrip(".")),
        (Fraction(123_456_789_012_345), "123456789012345"),
        (Fraction(15, 10_000_000), "0.0000015"),
    ],
)
def test_a_number_is_written_in_one_way(value: Fraction, text: str) -> None:
    assert shown(value) == text


def test_no_cell_of_a_csv_is_taken_for_a_formula(ledger: LedgerReader) -> None:
    evil = Declarations(organisation='=HYPERLINK("http://example.org")')
    text = written(report(ledger, SCI, evil), ReportFormat.CSV).decode()
    assert "'=HYPERLINK" in text
    assert not re.search(r'(^|,)"?[=@]', text, re.MULTILINE)


def test_json_is_the_message_that_the_protocol_states(ledger: LedgerReader) -> None:
    made = report(ledger, GHG, OWNED)
    assert msgspec.json.decode(written(made, ReportFormat.JSON), type=Report) == message(made)


class Outline(HTMLParser):
    """Tags with their attributes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_is_outlined_for_those_who_do_not_see_it(ledger: LedgerReader) -> None:
    for standard in Standard:
        made = report(ledger, example.question(standard), example.DECLARATIONS)
        tags = Outline(written(made, ReportFormat.HTML).decode()).tags
        names = [name for name, _ in tags]
        assert dict(tags)["html"]["lang"] == made.language
        assert names.count("h1") == 1
        assert names.count("h2") == len(made.sections) + bool(made.notes)
        assert all(told.get("scope") in ("col", "row") for name, told in tags if name == "th")
        ids = [told["id"] for _, told in tags if "id" in told]
        assert len(ids) == len(set(ids))
        named = {told["aria-labelledby"] for _, told in tags if "aria-labelledby" in told}
        assert named <= set(ids)


def test_the_page_asks_no_one_else_for_anything(ledger: LedgerReader) -> None:
    for standard in Standard:
        text = written(report(ledger, example.question(standard)), ReportFormat.HTML).decode()
        tags = Outline(text).tags
        assert not {"script", "img", "iframe", "object"} & {name for name, _ in tags}
        links = [told["href"] for name, told in tags if name in ("link", "a")]
        assert links == ["data:,"]
        assert "url(" not in text
        assert "@import" not in text


def test_what_an_operator_declares_cannot_break_the_page(ledger: LedgerReader) -> None:
    evil = Declarations(organisation="<script>alert(1)</script>")
    text = written(report(ledger, SCI, evil), ReportFormat.HTML).decode()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def luminance(colour: str) -> float:
    full = colour[1:] if len(colour) == 7 else "".join(2 * sign for sign in colour[1:])
    parts = [int(full[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_colour_of_text_is_told_from_white() -> None:
    colours = re.findall(r"[ {;]color: (#[0-9a-f]{3,6})", STYLE.read_text())
    assert len(colours) > 3
    for colour in colours:  # WCAG 2.2, 1.4.3: at least 4.5
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5, colour


def test_shares_leave_the_open_minute_out_and_hold_adjustments_apart(
    ledger: LedgerReader,
) -> None:
    extent, shares = ledger.shares(until=example.NOVEMBER, as_of=4)
    assert extent.digest == ledger.shares(as_of=4)[0].digest
    assert (extent.first, extent.last) == (example.OCTOBER, example.OCTOBER + 2 * example.HOUR)
    assert extent.ledger_ends == example.NOVEMBER + example.HOUR
    moved = [one for one in shares if one.is_adjustment]
    assert {one.account for one in moved} == {*example.ADJUSTED, "meter"}
    assert sum(one.nj for one in shares) == sum(one.ng for one in shares) == 0
    assert {one.basis.intensity.scope for one in shares} == {Scope.LIFECYCLE}


def test_a_report_says_what_json_holds_nothing_else_of_the_clock(ledger: LedgerReader) -> None:
    text = written(report(ledger, replace(SCI, as_of=4)), ReportFormat.JSON)
    told_times = set(re.findall(r"\d{4}-\d{2}-\d{2}T[0-9:]+Z", text.decode()))
    assert told_times == {"2026-10-01T00:00:00Z", "2026-11-01T01:00:00Z"}
    assert json.loads(text)["as_of"] == 4
