"""Alerts of budgets: at which use, how often, kept before they are told, told to a real webhook."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest

from lichen.carbon.budgets.alerts import ALERTS, Alert, Telling, due_levels, of_period
from lichen.carbon.budgets.allowance_file import allowance_path
from lichen.carbon.budgets.budget import BUDGETS, Budget, Period, Quantity, Scope
from lichen.carbon.budgets.budget_account import BudgetAccount
from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput, Unavailable
from lichen.core.ids import DEFAULT_TENANT
from lichen.server.home import Home
from lichen.server.keepers.alert_webhook import AlertTeller, NotTaken, Webhook
from lichen.server.keepers.budget_accounts import BudgetAccounts
from lichen.server.keepers.budget_keeper import MOST_ALERTS, BudgetKeeper
from lichen.store.documents import Change, MemoryDocuments

J = 10**9
PATIENCE_SECONDS = 60.0
SECRET = "a-secret-of-this-test"  # noqa: S105 - of nobody


class Watch:
    """A keeper without its thread, and a budget that the test spends."""

    def __init__(self, folder: Path, webhook: Webhook | None = None) -> None:
        self.home, self.documents, self.clock = Home(folder), MemoryDocuments(), ManualClock()
        self.accounts = BudgetAccounts(self.documents, self.home, self.clock)
        self.keeper = BudgetKeeper(self.documents, self.accounts, self.clock, webhook)

    def set(self, limit: int = 100, per: str = "day", name: str = "lab") -> Budget:
        scope, period = Scope.parse("jobs:train"), Period.parse(per)
        made = Budget(name, scope, Quantity.JOULES, limit * J, period)
        self.documents.commit([Change(BUDGETS, name, msgspec.json.encode(made))])
        return made

    def spend(self, budget: Budget, joules: float) -> None:
        allowance = BudgetAccount.open(self.home.budgets, budget, self.clock)
        assert allowance.hold(round(joules * J)) is not None
        allowance.close()

    def alerts(self) -> list[Alert]:
        found = self.documents.scan(ALERTS)
        return [msgspec.json.decode(one.body, type=Alert) for one in found]

    def percents(self) -> list[int]:
        self.keeper.turn()
        return [one.percent for one in self.alerts()]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    made = Watch(tmp_path)
    yield made
    made.accounts.close()


def test_each_level_gives_one_alert_a_period(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    lab = watch.set()
    assert watch.percents() == []
    watch.spend(lab, 49)
    assert watch.percents() == []
    watch.spend(lab, 2)
    assert watch.percents() == [50]
    assert watch.percents() == [50]
    watch.spend(lab, 48.6)
    watch.clock.advance(1)
    assert watch.percents() == [50, 80, 100], "99.6 % are as good as all"
    assert [one.committed for one in watch.alerts()] == [51 * J, 99.6 * J, 99.6 * J]
    assert len(caplog.messages) == 3
    assert caplog.messages[0].startswith("budget 'lab' for jobs:train has used 50 % of 100 J: 51 J")
    watch.clock.advance(86400)
    assert len(watch.percents()) == 3
    watch.spend(lab, 60)
    assert watch.percents() == [50, 80, 100, 50]


def test_a_rolling_window_gives_one_until_it_has_rolled_over(watch: Watch) -> None:
    lab = watch.set(per="1h")
    watch.spend(lab, 55)
    assert watch.percents() == [50]
    watch.clock.advance(3000)
    watch.spend(lab, 1)
    assert watch.percents() == [50]
    watch.clock.advance(900)
    watch.spend(lab, 60)
    assert watch.percents() == [50, 50]


def test_a_changed_limit_gives_its_own_alerts(watch: Watch) -> None:
    watch.spend(watch.set(), 55)
    assert watch.percents() == [50]
    watch.set(1000)
    assert watch.percents() == [50]
    watch.set(60)
    watch.clock.advance(1)
    assert watch.percents() == [50, 50, 80]


def test_a_budget_that_cannot_be_read_is_said_once_and_hides_no_other(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = watch.set(name="a"), watch.set(name="b")
    watch.home.budgets.mkdir()
    allowance_path(watch.home.budgets, broken).write_bytes(b"foreign")
    watch.spend(sound, 80)
    assert watch.percents() == [50, 80]
    watch.keeper.turn()
    said = [message for message in caplog.messages if "cannot be watched" in message]
    assert len(said) == 1


def test_of_one_budget_so_many_alerts_are_kept(watch: Watch) -> None:
    lab = watch.set(per="1m")
    watch.set(per="hour", name="another")
    for _ in range(MOST_ALERTS // 3 + 5):
        watch.spend(lab, 100)
        watch.keeper.turn()
        watch.clock.advance(120)
    assert len(watch.alerts()) == MOST_ALERTS


@pytest.mark.parametrize(
    ("committed", "levels"),
    [(0, []), (494, []), (495, [50]), (795, [50, 80]), (2000, [50, 80, 100])],
)
def test_which_levels_are_due(watch: Watch, committed: int, levels: list[int]) -> None:
    budget = watch.set()
    assert due_levels(budget, committed * J // 10, []) == levels


def test_alerts_of_another_limit_or_period_are_not_of_this_one(watch: Watch) -> None:
    now = watch.clock.now()
    lab = watch.set()

    def given(limit: int, ago_s: float) -> Alert:
        at = now - timedelta(seconds=ago_s)
        return Alert(
            "lab", DEFAULT_TENANT, "jobs:train", 50, at, Quantity.JOULES, limit * J, 0, now
        )

    alerts = [given(100, 1), given(99, 0), given(100, 0)]
    assert of_period(lab, alerts, now) == alerts[2:]


class Receiver:
    """A real webhook on this machine; `answers` are the statuses it gives, then 204."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.got: list[tuple[str, dict[str, Any]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, json.loads(body)))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook/{SECRET}?x=1"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.01)


def test_an_alert_is_told_as_json_with_a_sentence_and_marked(
    tmp_path: Path, receiver: Receiver
) -> None:
    watch = Watch(tmp_path, Webhook(receiver.address))
    watch.spend(watch.set(), 55)
    watch.keeper.start()
    until(lambda: [one.webhook for one in watch.alerts()] == [Telling.DELIVERED])
    watch.keeper.stop()
    ((path, said),) = receiver.got
    assert path == f"/hook/{SECRET}?x=1"
    assert said["text"].startswith("budget 'lab' for jobs:train has used 50 % of 100 J")
    assert (said["alert"]["percent"], said["alert"]["committed"]) == (50, 55 * J)
    assert said["id"] == watch.alerts()[0].key


def test_what_was_kept_and_not_told_is_told_in_the_next_life(
    tmp_path: Path, receiver: Receiver
) -> None:
    watch = Watch(tmp_path, Webhook(receiver.address))
    watch.spend(watch.set(), 85)
    watch.keeper.turn()
    assert [one.webhook for one in watch.alerts()] == [Telling.PENDING] * 2
    reborn = BudgetKeeper(watch.documents, watch.accounts, watch.clock, Webhook(receiver.address))
    reborn.start()
    until(lambda: {one.webhook for one in watch.alerts()} == {Telling.DELIVERED})
    reborn.stop()
    assert [said["alert"]["percent"] for _, said in receiver.got] == [50, 80]


@pytest.mark.parametrize(
    ("answers", "outcome", "asked"),
    [
        ([503, 429, 204], Telling.DELIVERED, 3),
        ([500] * 9, Telling.GIVEN_UP, 5),
        ([404, 204], Telling.GIVEN_UP, 1),
        ([302, 204], Telling.GIVEN_UP, 1),
    ],
)
def test_a_webhook_is_asked_again_where_that_may_help(
    receiver: Receiver,
    watch: Watch,
    answers: list[int],
    outcome: Telling,
    asked: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    receiver.answers = answers
    told: list[Telling] = []
    webhook = Webhook(receiver.address)
    teller = AlertTeller(webhook, lambda _, what: told.append(what), (0.0, 0.0, 0.0, 0.0))
    watch.spend(watch.set(), 55)
    watch.keeper.turn()
    teller.start()
    teller.tell(watch.alerts()[0])
    until(lambda: bool(told))
    teller.stop()
    assert (told, len(receiver.got)) == ([outcome], asked)
    assert SECRET not in caplog.text


def test_nobody_there_is_no_answer_and_the_watch_goes_on(watch: Watch, tmp_path: Path) -> None:
    dead = Webhook("http://127.0.0.1:9/hook")
    watch.spend(watch.set(), 55)
    watch.keeper.turn()
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 does not answer"):
        dead.post(watch.alerts()[0])
    blocked = Watch(tmp_path / "other", dead)
    blocked.spend(blocked.set(), 85)
    blocked.keeper.start()
    until(lambda: len(blocked.alerts()) == 2)
    blocked.keeper.stop()


def test_a_refusal_names_the_host_alone(receiver: Receiver, watch: Watch) -> None:
    receiver.answers = [401]
    watch.spend(watch.set(), 55)
    watch.keeper.turn()
    with pytest.raises(NotTaken, match=r"^127\.0\.0\.1 answered HTTP 401$"):
        Webhook(receiver.address).post(watch.alerts()[0])


@pytest.mark.parametrize(
    "address",
    [
        "",
        "hook",
        "http://example.org/x",
        "ftp://127.0.0.1/x",
        "https://",
        "https://h:99999/",
        "http://127.0.0.1:0/",
    ],
)
def test_only_https_or_this_machine_is_told(address: str) -> None:
    with pytest.raises(InvalidInput, match="alert_webhook is no usable address"):
        Webhook(address)


def test_a_file_that_is_restored_or_removed_is_watched_on(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    budget = watch.set()
    watch.spend(budget, 10)
    path = allowance_path(watch.home.budgets, budget)
    whole = path.read_bytes()
    assert watch.accounts.standing(budget).committed == 10 * J
    with path.open("r+b") as file:
        file.truncate(0)
    assert "is damaged" in str(watch.accounts.view(budget))
    path.write_bytes(whole)
    assert watch.accounts.standing(budget).committed == 10 * J
    path.unlink()
    assert watch.accounts.standing(budget).committed == 0
    watch.accounts.close()
