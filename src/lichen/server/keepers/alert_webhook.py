"""Tells alerts to a webhook: one POST each, tried again for minutes, and nobody waits for it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from queue import SimpleQueue
from threading import Event, Thread
from urllib.parse import urlsplit

import msgspec

from lichen.api.budget_views import alert_view
from lichen.carbon.budgets.alerts import Alert, Telling, sentence_of
from lichen.core.errors import InvalidInput, Unavailable
from lichen.protocol.budgets import AlertNotice

TIMEOUT_SECONDS = 5.0
PAUSES_SECONDS = (1.0, 5.0, 25.0, 125.0)
"""Before each further attempt."""
_LONGEST_STOP_SECONDS = 1.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_FIRST_SUCCESS, _FIRST_REDIRECT = 200, 300
_FIRST_FAULT = 500
_TRY_AGAIN = (408, 425, 429)

Told = Callable[[Alert, Telling], None]
"""Takes note of what became of an alert."""
_log = logging.getLogger(__name__)


class NotTaken(Exception):
    """The webhook answered that it does not want this: trying again would not help."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that takes alerts: https, or plain http on this machine."""

    address: str

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.address)
            is_safe = parts.scheme == "https" or (
                parts.scheme == "http" and parts.hostname in _LOOPBACK
            )
            usable = is_safe and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:  # the address may hold a secret: it is not shown
            raise InvalidInput(
                "setting alert_webhook is no usable address: write https://HOST/PATH, or "
                "http://127.0.0.1:PORT/PATH on this machine"
            )

    @property
    def host(self) -> str:
        """Whom messages name: never the path, which may be a secret."""
        return urlsplit(self.address).hostname or ""

    def post(self, alert: Alert) -> None:
        """Tell one alert; redirects are not followed.

        Raises:
            Unavailable: it did not take it, and may later.
            NotTaken: it refused it.
        """
        notice = AlertNotice(id=alert.key, text=sentence_of(alert), alert=alert_view(alert))
        status = self._status(msgspec.json.encode(notice))
        if _FIRST_SUCCESS <= status < _FIRST_REDIRECT:
            return
        if status in _TRY_AGAIN or status >= _FIRST_FAULT:
            raise Unavailable(f"{self.host} answered HTTP {status}")
        raise NotTaken(f"{self.host} answered HTTP {status}")

    def _status(self, body: bytes) -> int:
        parts = urlsplit(self.address)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(self.host, parts.port, timeout=TIMEOUT_SECONDS)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Content-Type": "application/json", "User-Agent": "lichen"}
        try:
            connection.request("POST", path, body, headers)
            return connection.getresponse().status
        except (OSError, HTTPException, ValueError) as failure:
            reason = type(failure).__name__ if isinstance(failure, ValueError) else failure
            raise Unavailable(f"{self.host} does not answer: {reason}") from None
        finally:
            connection.close()


class AlertTeller:
    """A thread that tells alerts one after the other."""

    def __init__(
        self, webhook: Webhook, told: Told, pauses_s: tuple[float, ...] = PAUSES_SECONDS
    ) -> None:
        self._webhook = webhook
        self._told = told
        self._pauses_s = pauses_s
        self._waiting: SimpleQueue[Alert | None] = SimpleQueue()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="alerts", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def tell(self, alert: Alert) -> None:
        """Have an alert told; returns at once."""
        self._waiting.put(alert)

    def stop(self) -> None:
        """End; what was not told yet is told in the next life."""
        self._stopping.set()
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join(_LONGEST_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            alert = self._waiting.get()
            if alert is None:
                return
            try:
                outcome = self._outcome(alert)
            except Exception:  # noqa: BLE001 - a fault of ours must not silence the alerts to come
                _log.exception("an alert could not be told")
                continue
            if outcome is not None:
                self._told(alert, outcome)

    def _outcome(self, alert: Alert) -> Telling | None:
        """What became of it; None when this process stops in between."""
        problem: Exception | None = None
        for pause_s in (0.0, *self._pauses_s):
            if self._stopping.wait(pause_s):
                return None
            try:
                self._webhook.post(alert)
            except Unavailable as error:
                problem = error
            except NotTaken as error:
                problem = error
                break
            else:
                return Telling.DELIVERED
        _log.error("an alert of budget %r was not told: %s", alert.budget, problem)
        return Telling.GIVEN_UP
