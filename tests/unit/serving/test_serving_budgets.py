"""Budgets where requests are answered: what counts, what is refused, degraded, paid (B1, B2)."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from lichen.carbon.budgets.allowance import Allowance
from lichen.carbon.budgets.allowance_file import allowance_path
from lichen.carbon.budgets.budget import BUDGETS, Budget, Period, Quantity, Scope
from lichen.carbon.levers import DEGRADED, DegradedRequests
from lichen.core.batch import Array, Batch
from lichen.core.clock import ManualClock
from lichen.core.errors import DeadlinePassed, LichenError, Unavailable
from lichen.core.events import NoObserver
from lichen.core.figures import Method
from lichen.core.ids import TenantId
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.energy.attribution import Stopwatch
from lichen.energy.counters import ProcessCounters
from lichen.energy.page import PageContent, PageWriter, Rate
from lichen.frameworks.base import Predictor
from lichen.frameworks.function import FunctionPredictor
from lichen.registry.records import MODELS, ModelEntry
from lichen.serving.allotment import Overspent
from lichen.serving.batcher import Batcher
from lichen.serving.budgets import LOOKS_AFTER_REMOVAL, LOOKS_PER_TENDING, Budgets, counts
from lichen.serving.charging import PRIOR_NJ_PER_NS, Metering, NoMetering, ProcessMetering
from lichen.serving.deployment import Cheaper, Deployment, ServiceLevel
from lichen.serving.plane import DataPlane
from lichen.serving.replica import Replica
from lichen.serving.reservation import UpperCost
from lichen.serving.selector import Selector, Served, subject_of
from lichen.serving.ticket import Answer, Ended, Inquiry, Outcome, Query
from lichen.store.documents import Change, MemoryDocuments

SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 1)),), (TensorSpec("y", Datatype.FP32, (-1, 1)),)
)
NORTH, SOUTH = TenantId("north"), TenantId("south")
ROW_NS, NJ_PER_NS = 100_000, 4.0
ROW_NJ = int(ROW_NS * NJ_PER_NS)
FAILS = 13.0
START = datetime(2026, 5, 5, 12, tzinfo=UTC)


class House:
    """A data plane whose every row takes exactly `ROW_NS` of CPU, and its budgets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock(START)
        self.documents = MemoryDocuments()
        self.budgets = Budgets(self.documents, folder / "budgets", self.clock)
        self.selector = Selector()
        self.plane = DataPlane(self.selector, budgets=self.budgets)
        self.cpu_ns = 0
        self.metering: Metering = self._metered()
        self._served: dict[str, Served] = {}

    def _metered(self) -> ProcessMetering:
        writer = PageWriter(self.folder)
        rate = Rate(NJ_PER_NS, 2.0, 6.0, Method.MODELLED, "a test", 1)
        writer.publish(PageContent(1, 1, 2, 1, 0, 1, rate))
        writer.close()
        counters = ProcessCounters.create(self.folder, "dataplane")
        return ProcessMetering(counters, self.folder, None, self.clock)

    def serve(self, deployment: Deployment, row_ns: int = ROW_NS) -> None:
        def model(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
            if FAILS in inputs["x"]:
                raise ValueError("13")
            self.cpu_ns += len(inputs["x"]) * row_ns
            return {"y": inputs["x"]}

        replica = Replica(FunctionPredictor(SIGNATURE, model), Stopwatch(lambda: self.cpu_ns, 0))
        replica.warm()
        batcher = Batcher(
            replica,
            self.metering.bill(deployment),
            self.metering,
            asyncio.get_running_loop(),
            (64, 64),
            (subject_of(deployment), NoObserver()),
        )
        self._served[deployment.name] = Served(deployment, replica, batcher)
        self.selector.replace(self._served, {})
        self.selector.end_first_look()

    def limit(self, scope: str, rows: float, **changed: object) -> Budget:
        """A budget for so many rows an hour."""
        said = Budget(
            scope.replace(":", "-").replace("@", "-"),
            Scope.parse(scope),
            Quantity.JOULES,
            int(rows * ROW_NJ),
            Period.parse("hour"),
            NORTH,
        )
        budget = replace(said, **changed)  # type: ignore[arg-type]
        self.documents.commit([Change(BUDGETS, budget.name, msgspec.json.encode(budget))])
        self.budgets.look(changed=True)
        return budget

    def ask(
        self,
        *values: float,
        name: str = "d",
        tenant: TenantId = NORTH,
        version: str | None = None,
        inquiry: Inquiry | None = None,
    ) -> "asyncio.Future[Outcome]":
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        inputs: dict[str, Array] = {"x": np.array(values, dtype=np.float32).reshape(-1, 1)}
        try:
            query = Query(name, inputs, version, tenant=tenant, inquiry=inquiry)
            self.plane.infer(query, future.set_result)
        except LichenError as error:
            future.set_result(error)
        return future

    def spent(self, budget: Budget) -> int:
        ration = next(one for one in self.budgets._index.rations if one.budget == budget)
        return ration.allowance.standing().committed


D = Deployment("d", "m", 1, tenant=NORTH)


def running(tmp_path: Path, act: Callable[[House], Coroutine[None, None, None]]) -> None:
    async def run() -> None:
        house = House(tmp_path)
        house.serve(D)
        await act(house)
        house.budgets.close()

    asyncio.run(run())


def test_what_is_spent_is_what_the_receipts_say(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        tenant, deployment = house.limit("tenant:north", 100), house.limit("deployment:d", 100)
        of_north = await asyncio.gather(*[house.ask(*[1.0] * rows) for rows in (1, 2, 5)])
        of_south = await house.ask(1.0, 1.0, tenant=SOUTH)
        answers = [one for one in (*of_north, of_south) if isinstance(one, Answer)]
        receipts = [one.charge.nj for one in answers if one.charge is not None]
        assert receipts == [ROW_NJ, 2 * ROW_NJ, 5 * ROW_NJ, 2 * ROW_NJ]
        assert house.spent(tenant) == sum(receipts[:3])
        assert house.spent(deployment) == sum(receipts)

    running(tmp_path, act)


def test_a_spent_budget_refuses_one_tenant_in_a_mixed_batch_and_no_other(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        budget = house.limit("tenant:north", 4.5)
        mixed = [house.ask(1.0, tenant=tenant) for tenant in [NORTH, SOUTH] * 6]
        outcomes = await asyncio.gather(*mixed)
        assert all(isinstance(one, Answer) for one in outcomes[1::2])
        refused = [one for one in outcomes[::2] if not isinstance(one, Answer)]
        assert 0 < len(refused) < 6
        assert all(isinstance(one, Overspent) for one in refused)
        assert house.spent(budget) == (6 - len(refused)) * ROW_NJ <= budget.limit
        said = str(refused[0])
        assert "budget 'tenant-north' (tenant:north, 1.8 mJ per hour) has" in said
        assert "at 2026-05-05T13:00:00Z" in said
        assert isinstance(refused[0], Overspent)
        assert refused[0].retry_after_s == 3600

    running(tmp_path, act)


def test_what_is_known_to_be_spent_is_refused_before_it_waits(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        house.limit("deployment:d", 4.5)
        assert isinstance(await house.ask(1.0), Answer)
        while isinstance(await house.ask(1.0), Answer):
            pass
        at_once = house.ask(1.0)
        assert at_once.done(), "it was refused when it was asked"
        assert isinstance(at_once.result(), Overspent)
        house.clock.advance(3600)
        house.budgets.look(changed=False)
        assert isinstance(await house.ask(1.0), Answer)

    running(tmp_path, act)


def test_callers_that_are_gone_before_their_batch_begins_hold_up_nobody(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        budget = house.limit("deployment:d", 100)
        gone = Query("d", {"x": np.ones((1, 1), np.float32)}, tenant=NORTH)
        house.plane.infer(gone, print).abandoned = True
        house.plane.infer(gone, print).abandoned = True
        await asyncio.sleep(0.01)
        assert house.spent(budget) == 0
        answer = await asyncio.wait_for(house.ask(1.0), 5)
        assert isinstance(answer, Answer)

    running(tmp_path, act)


def test_a_budget_that_cannot_be_asked_refuses_and_one_that_cannot_be_paid_still_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: Allowance, *_amounts: int) -> bool:
        raise OSError("the file system is gone")

    async def act(house: House) -> None:
        house.limit("deployment:d", 100)
        with monkeypatch.context() as patched:
            patched.setattr(Allowance, "reserve", broken)
            refused = await asyncio.wait_for(house.ask(1.0), 5)
            assert isinstance(refused, Unavailable)
            assert "cannot be asked" in str(refused)
        with monkeypatch.context() as patched:
            patched.setattr(Allowance, "settle", broken)
            assert isinstance(await asyncio.wait_for(house.ask(1.0), 5), Answer)
        assert isinstance(await asyncio.wait_for(house.ask(1.0), 5), Answer)

    running(tmp_path, act)


def test_a_request_too_large_for_what_is_left_keeps_no_smaller_one_out(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        house.limit("deployment:d", 20)
        assert isinstance(await house.ask(*[1.0] * 30), Overspent)
        assert isinstance(await house.ask(1.0), Answer)
        never = house.ask(*[1.0] * 40).result()
        assert isinstance(never, Overspent)
        assert never.retry_after_s is None
        assert "send fewer rows" in str(never)

    running(tmp_path, act)


def test_a_request_that_one_of_two_budgets_refuses_costs_the_other_nothing(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        wide, narrow = house.limit("deployment:d", 100), house.limit("tenant:north", 0.001)
        assert isinstance(await house.ask(1.0), Overspent)
        assert house.spent(narrow) == 0
        house.budgets.look(changed=False)
        assert isinstance(await house.ask(1.0, tenant=SOUTH), Answer)
        assert house.spent(wide) == ROW_NJ

    running(tmp_path, act)


def test_what_fails_costs_nothing_and_what_has_no_meter_costs_its_estimate(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        budget = house.limit("deployment:d", 100)
        assert not isinstance(await house.ask(FAILS), Answer)
        assert house.spent(budget) == 0
        house.metering = NoMetering()
        house.serve(D)
        assert isinstance(await house.ask(1.0), Answer)
        assert house.spent(budget) == int(3 * ROW_NS * PRIOR_NJ_PER_NS) + 1

    running(tmp_path, act)


class Endless:
    """An inquiry that asks the model twice, and finds that its time is over."""

    def prepare(self, predictor: Predictor) -> None:
        """Needs nothing."""

    def run(self, predictor: Predictor, inputs: Batch) -> object:
        """Does some of its work."""
        for _ in range(2):
            predictor.predict(inputs)
        raise DeadlinePassed("it took too long")


def test_an_inquiry_that_ran_out_of_its_time_pays_for_what_it_used(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        budget = house.limit("deployment:d", 1000)
        ended = await house.ask(1.0, inquiry=Endless())
        assert isinstance(ended, Ended)
        assert house.spent(budget) == 2 * ROW_NJ

    running(tmp_path, act)


def test_a_damaged_account_refuses_all_that_it_counts_for_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(house: House) -> None:
        budget = Budget(
            "b", Scope.parse("tenant:north"), Quantity.JOULES, 10**9, Period.parse("day"), NORTH
        )
        path = allowance_path(tmp_path / "budgets", budget)
        path.parent.mkdir()
        path.write_bytes(b"?")
        house.documents.commit([Change(BUDGETS, "b", msgspec.json.encode(budget))])
        house.budgets.look(changed=True)
        refused = await house.ask(1.0)
        assert isinstance(refused, Unavailable)
        assert str(path) not in str(refused)
        assert str(path) in caplog.text
        assert isinstance(await house.ask(1.0, tenant=SOUTH), Answer)
        path.unlink()
        house.budgets.look(changed=True)
        assert isinstance(await house.ask(1.0), Answer)

    running(tmp_path, act)


@pytest.mark.parametrize("damage", [b"", b"?" * 100, b"\xff" * 4096, None])
def test_an_account_that_is_damaged_while_it_is_open_refuses_until_it_is_restored(
    tmp_path: Path, damage: bytes | None
) -> None:
    async def act(house: House) -> None:
        limited = house.limit("deployment:d", 100)
        assert isinstance(await house.ask(1.0), Answer)
        path = allowance_path(tmp_path / "budgets", limited)
        whole = path.read_bytes()
        with path.open("r+b") as file:  # the same file, as the process has it open
            if damage is None:
                file.seek(2048)
                file.write(b"\x7f" * 16)
            else:
                file.truncate(0)
                file.write(damage)
        for _ in range(LOOKS_PER_TENDING + 1):
            house.budgets.look(changed=False)
        assert isinstance(await house.ask(1.0), Unavailable)
        path.write_bytes(whole)
        for _ in range(LOOKS_PER_TENDING + 1):
            house.budgets.look(changed=False)
        assert isinstance(await house.ask(1.0), Answer)

    running(tmp_path, act)


def test_an_account_that_is_removed_while_it_is_open_begins_anew(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        limited = house.limit("deployment:d", 100)
        assert isinstance(await house.ask(1.0), Answer)
        assert isinstance(await house.ask(1.0), Answer)
        assert house.spent(limited) == 2 * ROW_NJ
        allowance_path(tmp_path / "budgets", limited).unlink()
        for _ in range(LOOKS_PER_TENDING + 1):
            house.budgets.look(changed=False)
        assert isinstance(await house.ask(1.0), Answer)
        assert house.spent(limited) == ROW_NJ

    running(tmp_path, act)


def test_a_raised_limit_and_a_removed_budget_are_followed(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        house.limit("deployment:d", 0.001)
        assert isinstance(await house.ask(1.0), Overspent)
        raised = house.limit("deployment:d", 100)
        assert isinstance(await house.ask(1.0), Answer)
        assert house.spent(raised) == ROW_NJ
        waits = house.ask(1.0)
        house.documents.commit([Change(BUDGETS, raised.name, None)])
        house.budgets.look(changed=True)
        assert isinstance(await waits, Answer), "what was asked before is paid from it still"
        for _ in range(LOOKS_AFTER_REMOVAL):
            house.budgets.look(changed=False)
        left = Allowance.open(tmp_path / "budgets", raised, house.clock).standing()
        assert left.committed == 2 * ROW_NJ, "and what was not spent was given back"
        answer = await house.ask(1.0)
        assert isinstance(answer, Answer)
        assert answer.allotment is None

    running(tmp_path, act)


CHEAP = Deployment("small", "tiny", 3, tenant=NORTH)


def degraded(tmp_path: Path, deployment: Deployment, **asked: str) -> tuple[bytes, int, int]:
    """From 40 % of ten rows on: the model of the sixth answer, and what both budgets paid."""
    found: list[tuple[bytes, int, int]] = []

    async def act(house: House) -> None:
        house.serve(deployment)
        house.serve(CHEAP, ROW_NS // 10)
        budget = house.limit("deployment:d", 10, degrade_from=0.4)
        other = house.limit("deployment:small", 10)
        heads = []
        for _ in range(6):
            answer = await house.ask(1.0, **asked)  # type: ignore[arg-type]
            assert isinstance(answer, Answer)
            heads.append(answer.head)
        found.append((heads[-1], house.spent(budget), house.spent(other)))

    running(tmp_path, act)
    return found[0]


def test_from_a_share_of_its_budget_on_the_cheaper_deployment_answers(tmp_path: Path) -> None:
    head, paid, of_cheap = degraded(tmp_path, replace(D, cheaper=Cheaper("small")))
    assert b'"model_name":"small","model_version":"3"' in head
    assert of_cheap > 0
    assert paid == (6 - of_cheap * 10 // ROW_NJ) * ROW_NJ + of_cheap, "it pays what stands in too"


def test_what_a_cheaper_deployment_answered_is_counted_once_written_down(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        house.serve(replace(D, cheaper=Cheaper("small")))
        house.serve(CHEAP, ROW_NS // 10)
        house.limit("deployment:d", 10, degrade_from=0.4)
        heads = []
        for _ in range(6):
            answer = await house.ask(1.0)
            assert isinstance(answer, Answer)
            heads.append(answer.head)
        house.budgets.close()
        cheaper = sum(b'"small"' in head for head in heads)
        (kept,) = house.documents.scan(DEGRADED)
        assert msgspec.json.decode(kept.body, type=DegradedRequests) == DegradedRequests(
            START, "d", "small", cheaper
        )
        assert cheaper > 0

    running(tmp_path, act)


@pytest.mark.parametrize(
    ("cheaper", "floor", "stands_in"),
    [
        (Cheaper("small", 0.98, "tiny@3"), 0.97, True),
        (Cheaper("small", 0.96, "tiny@3"), 0.97, False),
        (Cheaper("small", 0.98, "tiny@2"), 0.97, False),
        (Cheaper("small", 0.98), 0.97, True),
        (Cheaper("small"), 0.97, False),
        (Cheaper("other"), None, False),
        (None, None, False),
    ],
    ids=["good", "bad", "of another version", "stated", "unknown", "not there", "none"],
)
def test_it_answers_only_where_its_quality_is_known_to_suffice(
    cheaper: Cheaper | None, floor: float | None, *, stands_in: bool
) -> None:
    said = replace(D, cheaper=cheaper, level=ServiceLevel(min_quality=floor))
    assert said.may_be_answered_by(CHEAP) is stands_in
    assert not said.may_be_answered_by(replace(CHEAP, tenant=SOUTH))


def test_who_asked_for_a_version_by_its_number_gets_no_other(tmp_path: Path) -> None:
    said = replace(D, cheaper=Cheaper("small"))
    head, _, of_cheap = degraded(tmp_path, said, version="1")
    assert b'"model_name":"d","model_version":"1"' in head
    assert of_cheap == 0


def test_which_budgets_count() -> None:
    def does(scope: str, tenant: TenantId = NORTH, **aliases: int) -> bool:
        said = Budget("b", Scope.parse(scope), Quantity.GRAMS, 1, Period.parse("day"), NORTH)
        named = {f"m@{alias}": version for alias, version in aliases.items()}
        return counts(said, D, tenant, named)

    assert does("tenant:north")
    assert not does("tenant:north", SOUTH)
    assert does("deployment:d", SOUTH)
    assert not does("deployment:e")
    assert does("alias:m@champion", champion=1)
    assert not does("alias:m@champion", champion=2)
    assert not does("alias:m@champion")
    assert not does("jobs:train")
    others = Budget("b", Scope.parse("deployment:d"), Quantity.GRAMS, 1, Period.parse("day"), SOUTH)
    assert not counts(others, D, NORTH, {}), "nobody limits the deployments of another tenant"


def test_an_alias_that_moves_takes_its_budget_along(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        for version, counted in ((1, True), (2, False)):
            entry = ModelEntry("m", 2, {"champion": version})
            house.documents.commit([Change(MODELS, "m", msgspec.json.encode(entry))])
            house.limit("alias:m@champion", 100)
            answer = await house.ask(1.0)
            assert isinstance(answer, Answer)
            assert (answer.allotment is not None) is counted

    running(tmp_path, act)


def test_answers_and_refusals_say_what_is_left(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        house.limit("tenant:north", 50, name="team")
        answer = await house.ask(1.0)
        assert isinstance(answer, Answer)
        assert answer.allotment is not None
        policy, state = answer.allotment.limits()
        assert policy == b'"team";q=20000;qu="microjoules";w=3600'
        assert state == b'"team";r=19600;t=3600'
        house.clock.advance(600)
        house.limit("deployment:d", 0.5, quantity=Quantity.GRAMS, limit=2_000)
        while isinstance(refused := await house.ask(1.0), Answer):
            pass
        assert isinstance(refused, Overspent)
        assert b'"deployment-d";q=2;qu="micrograms";w=3600' in refused.limits[0]
        assert b'"deployment-d";r=0;t=3000' in refused.limits[1]
        assert b'"team";r=' in refused.limits[1]
        assert refused.retry_after_s == 3000

    running(tmp_path, act)


def test_the_estimate_is_dearer_than_nearly_all_batches_and_follows_them() -> None:
    replica = Replica(FunctionPredictor(SIGNATURE, lambda inputs: inputs), Stopwatch.of_thread())
    replica.learn(1, 1000)
    cost = UpperCost(replica)
    assert cost.of(1) == 3000
    assert cost.of(2) == 6000
    random = np.random.default_rng(7)
    over = 0
    for count in range(4000):
        took_ns = int(random.lognormal(10, 0.3))
        over += count > 500 and took_ns > cost.of(1)
        cost.learn(1, took_ns)
    assert 0.005 < over / 3500 < 0.10
    assert cost.of(4) == 4 * cost.of(1)
