"""One request, carefully: judged at every redirect, no secret to another host, nothing in messages.

Redirects are followed here and not by a library, since each of them is a new address that a
stranger chose.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import httpcore

from lichen.core.errors import Forbidden, InvalidInput, WorkFailed
from lichen.fetching.addresses import checked_addresses
from lichen.fetching.dialling import opened_pool
from lichen.fetching.locations import Location
from lichen.fetching.patience import persisting
from lichen.fetching.policy import Policy
from lichen.fetching.refusals import TransientError, refusal

CONNECT_SECONDS = 10.0
MOST_REDIRECTS = 8
MOST_DOCUMENT_BYTES = 16 * 2**20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GOOD = frozenset({200, 201, 202, 204, 206, 416})


@dataclass(frozen=True, slots=True)
class Ask:
    """One request; `content` is sent as its body."""

    place: Location
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered: `place` is who did in the end, header names are lower-case.

    `passed` are the headers of the redirects on the way, those of the first winning.
    """

    status: int
    headers: Mapping[str, str]
    place: Location
    chunks: Iterator[bytes]
    passed: Mapping[str, str]

    def document(self, most_bytes: int = MOST_DOCUMENT_BYTES) -> bytes:
        """All of a small body.

        Raises:
            InvalidInput: it is larger than any document of its kind.
        """
        body = bytearray()
        for chunk in self.chunks:
            body += chunk
            if len(body) > most_bytes:
                raise InvalidInput(
                    f"{self.place.authority} answered over {most_bytes:,} bytes where a document "
                    "was asked for"
                )
        return bytes(body)


class Credentials(Protocol):
    """As whom a place is asked."""

    def headers(self, ask: Ask) -> Mapping[str, str]:
        """What to add to a request; nothing where it goes to a host that is not theirs."""
        ...

    def learn(self, challenge: str, place: Location) -> bool:
        """Whether to ask once more after a 401 that challenged so."""
        ...


class Nobody:
    """Asks without a name."""

    def headers(self, ask: Ask) -> Mapping[str, str]:  # noqa: ARG002 - the protocol's
        """Nothing."""
        return {}

    def learn(self, challenge: str, place: Location) -> bool:  # noqa: ARG002 - the protocol's
        """No."""
        return False


class Tokens:
    """A token for each host that has one, over TLS or to a place that the operator named."""

    def __init__(self, tokens: Mapping[str, str], policy: Policy) -> None:
        self._tokens = tokens
        self._policy = policy

    def headers(self, ask: Ask) -> Mapping[str, str]:
        """The host's token."""
        place = ask.place
        token = self._tokens.get(place.authority) or self._tokens.get(f"{place.host}:{place.port}")
        if token is None:
            return {}
        if place.scheme != "https" and (place.host, place.port) not in self._policy.trusted:
            raise Forbidden(f"the token for {place.authority} is not sent without TLS: use https")
        return {"Authorization": f"Bearer {token}"}

    def learn(self, challenge: str, place: Location) -> bool:  # noqa: ARG002 - the protocol's
        """No: it was sent already."""
        return False


class Web:
    """Asks servers under a policy, as somebody."""

    def __init__(
        self,
        policy: Policy,
        credentials: Credentials | None = None,
        pool: httpcore.ConnectionPool | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Wire it.

        Args:
            policy: what is allowed.
            credentials: as whom; nobody unless said.
            pool: where connections come from; one under the policy unless said.
            pause: between two tries, in seconds.
        """
        self.policy = policy
        self.pause = pause
        self._credentials = credentials or Nobody()
        self._pool = pool or opened_pool(policy)

    def seen_as(self, credentials: Credentials) -> "Web":
        """The same, as somebody else."""
        return Web(self.policy, credentials, self._pool, self.pause)

    def close(self) -> None:
        """Close the connections; also those of whoever is `seen_as` somebody else."""
        self._pool.close()

    @contextmanager
    def asked(self, ask: Ask) -> Iterator[Reply]:
        """The good answer to a request, redirects followed; its body is read within.

        Raises:
            Forbidden: an address on the way may not be asked.
            NotFound, Refused: the server says so.
            TransientError: it may work in a moment.
            WorkFailed: any other failure.
        """
        passed: dict[str, str] = {}
        has_learnt = False
        for _ in range(MOST_REDIRECTS + 2):
            with self._sent(ask) as reply:
                if reply.status in _REDIRECTS and "location" in reply.headers:
                    passed = {**reply.headers, **passed}
                    ask = self._redirected(ask, reply)
                    continue
                if reply.status == 401 and not has_learnt:
                    has_learnt = True
                    challenge = reply.headers.get("www-authenticate", "")
                    if self._credentials.learn(challenge, reply.place):
                        continue
                if reply.status not in _GOOD:
                    raise refusal(reply.status, {**passed, **reply.headers}, reply.place)
                yield Reply(reply.status, reply.headers, reply.place, reply.chunks, passed)
                return
        raise WorkFailed(f"{ask.place.authority} redirects in circles: check the source")

    def fetch(self, ask: Ask, most_bytes: int = MOST_DOCUMENT_BYTES) -> tuple[Reply, bytes]:
        """A small document, asked for again where that may help."""

        def attempt() -> tuple[Reply, bytes]:
            with self.asked(ask) as reply:
                return reply, reply.document(most_bytes)

        return persisting(attempt, self.pause)

    def _redirected(self, ask: Ask, reply: Reply) -> Ask:
        target = ask.place.joined(reply.headers["location"])
        if ask.place.scheme == "https" and target.scheme != "https":
            raise Forbidden(f"{ask.place.authority} redirects to {target.shown}, without TLS")
        is_asked_anew = reply.status == 303 or ask.method in ("GET", "HEAD")
        if not is_asked_anew and target.origin != ask.place.origin:
            raise Forbidden(f"{ask.place.authority} sends what is written to {target.authority}")
        return Ask(target, ask.method, ask.headers, ask.content)

    def _judge(self, place: Location) -> None:
        is_trusted = (place.host, place.port) in self.policy.trusted
        if is_trusted:
            return
        if place.scheme == "http" and not self.policy.allows_http:
            raise Forbidden(
                f"{place.shown} is without TLS, so anybody on the way could change the model: use "
                "https, or let an administrator allow it by the setting `pull_http`"
            )
        if self.policy.proxy is not None:
            self._judge_behind_proxy(place)

    def _judge_behind_proxy(self, place: Location) -> None:
        """What is known here of a name is judged here; what is not is the proxy's to judge."""
        try:
            checked_addresses(place.host, place.port, self.policy.networks)
        except WorkFailed:
            return

    @contextmanager
    def _sent(self, ask: Ask) -> Iterator[Reply]:
        place = ask.place
        self._judge(place)
        headers = {
            "Host": place.authority,
            "User-Agent": "lichen",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            **ask.headers,
            **self._credentials.headers(ask),
        }
        with (
            failures(place),
            self._pool.stream(
                ask.method,
                httpcore.URL(
                    scheme=place.scheme.encode(),
                    host=place.host.encode(),
                    port=place.port,
                    target=place.target.encode(),
                ),
                headers=list(headers.items()),
                content=ask.content,
                extensions={"timeout": self._timeouts()},
            ) as answer,
        ):
            said = {name.decode().lower(): text.decode("latin-1") for name, text in answer.headers}
            yield Reply(answer.status, said, place, answer.iter_stream(), {})

    def _timeouts(self) -> dict[str, float]:
        stall = self.policy.stall_seconds
        return {"connect": CONNECT_SECONDS, "read": stall, "write": stall, "pool": stall}


@contextmanager
def failures(place: Location) -> Iterator[None]:
    """What a connection's failure means.

    Raises:
        TransientError: it may work in a moment.
        WorkFailed: the proxy refuses, or the server speaks something else.
    """
    host = place.authority
    try:
        yield
    except httpcore.ProxyError as error:
        raise WorkFailed(
            f"the proxy does not let {host} through ({error}): check the setting `pull_proxy`"
        ) from error
    except httpcore.TimeoutException as error:
        raise TransientError(f"{host} says nothing any more") from error
    except (httpcore.NetworkError, httpcore.RemoteProtocolError) as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise WorkFailed(
                f"{host} shows a certificate that is not trusted here ({error}): name its "
                "authority in the setting `pull_ca`, if you trust it"
            ) from error
        raise TransientError(f"the connection to {host} failed ({error})") from error
    except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol) as error:
        raise InvalidInput(
            f"the request to {host} cannot be sent: a token in the settings, or the address, holds "
            "a character that no header may"
        ) from error
