"""Ask a metrics endpoint over HTTP, in a thread of its own: sampling never waits for a network.

The thread asks about once a second, and more rarely where the answers are long: it takes at most
some 0.2 % of one core.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Event, Lock, Thread
from time import monotonic, thread_time
from urllib.parse import SplitResult, urlsplit

from lichen.core.errors import InvalidInput, Unavailable
from lichen.energy.steps import Instant

TIMEOUT_S = 2.0
PATIENCE_S = 5.0
"""An answer that drips in for longer is given up."""
MOST_BYTES = 32 * 2**20
PERIOD_S, LONGEST_PERIOD_S = 1.0, 30.0
CPU_SHARE = 0.0015
_CHUNK = 2**16


class Endpoint:
    """One address that answers `GET` with metrics.

    Raises:
        InvalidInput: it is no address, or holds a password.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self._parts = _parts_of(url)
        self._timeout_s = timeout_s

    @property
    def host(self) -> str:
        """Whom messages name: host and port."""
        return self._parts.netloc

    def get(self) -> bytes:
        """The body of its answer.

        Raises:
            Unavailable: no connection, no answer in time, a status other than 200, or too long.
        """
        parts = self._parts
        made = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = made(parts.hostname or "", parts.port, timeout=self._timeout_s)
        path = (parts.path or "/metrics") + (f"?{parts.query}" if parts.query else "")
        try:
            headers = {"Accept": "text/plain;version=0.0.4", "User-Agent": "lichen"}
            connection.request("GET", path, headers=headers)
            with connection.getresponse() as answer:
                if answer.status != 200:
                    raise Unavailable(f"{self.host} answered HTTP {answer.status}")
                return self._body(answer)
        except (OSError, HTTPException, ValueError) as failure:
            raise Unavailable(f"{self.host} does not answer: {failure}") from None
        finally:
            connection.close()

    def _body(self, answer: HTTPResponse) -> bytes:
        give_up = monotonic() + PATIENCE_S
        body = bytearray()
        while chunk := answer.read1(_CHUNK):
            body += chunk
            if len(body) > MOST_BYTES:
                raise Unavailable(f"{self.host} answered more than {MOST_BYTES} bytes")
            if monotonic() > give_up:
                raise Unavailable(f"{self.host} did not end its answer in {PATIENCE_S:g} s")
        return bytes(body)


def _parts_of(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidInput(
            f"{url!r} is no address: give one such as http://127.0.0.1:28282/metrics"
        )
    if parts.username is not None or parts.password is not None:
        raise InvalidInput(
            f"the address of {parts.hostname} holds a user or a password, which are not sent: "
            "let the exporter listen on this machine alone"
        )
    return parts


@dataclass(frozen=True, slots=True)
class Scrape:
    """The last answer, or why there is none; `at` is when it was asked for."""

    body: bytes
    at: Instant
    trouble: str | None = None


class Scraper:
    """Asks `get` now and again, from a thread; `latest` never waits."""

    def __init__(
        self, get: Callable[[], bytes], instant: Callable[[], Instant], name: str = "lichen-scrape"
    ) -> None:
        self._get = get
        self._instant = instant
        self._lock = Lock()
        self._stopping = Event()
        self._latest: Scrape | None = None
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def latest(self) -> Scrape | None:
        """What was heard since the last call; None: nothing new."""
        with self._lock:
            found, self._latest = self._latest, None
            return found

    def ask(self) -> float:
        """Ask once, here and now; the seconds to wait until the next time."""
        began, at = thread_time(), self._instant()
        try:
            scrape = Scrape(self._get(), at)
        except Unavailable as error:
            scrape = Scrape(b"", at, str(error))
        with self._lock:
            self._latest = scrape
        return min(LONGEST_PERIOD_S, max(PERIOD_S, (thread_time() - began) / CPU_SHARE))

    def _run(self) -> None:
        while not self._stopping.wait(self.ask()):
            pass

    def stop(self) -> None:
        """Stop asking; a question that is on its way ends by itself."""
        self._stopping.set()
