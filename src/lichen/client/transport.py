"""HTTP to the data plane: one key, a deadline for each call, repeated where that is harmless."""

import time
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Self

import httpx
import msgspec

from lichen.client.trust import PUBLIC, Trust, refused_by_tls
from lichen.core import errors
from lichen.protocol.oip import ErrorBody

ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 0.05
_CONNECT_SECONDS = 5.0
_FIRST_ERROR = 400

_ERRORS: dict[int, type[errors.LichenError]] = {
    400: errors.InvalidInput,
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.TooLarge,
    415: errors.UnknownCoding,
    429: errors.OverBudget,
    431: errors.TooLarge,
    503: errors.Unavailable,
    504: errors.DeadlinePassed,
}


class Transport:
    """Calls of the data plane at `url`, with `key` if there is one.

    A prediction changes nothing, so every call here may be sent again when its connection broke
    before an answer came; the deadline counts for all attempts together.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        deadline_seconds: float = 60.0,
        transport: httpx.BaseTransport | None = None,
        trust: Trust = PUBLIC,
    ) -> None:
        self.url = url.rstrip("/")
        self._deadline_seconds = deadline_seconds
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            transport=transport,
            trust_env=False,
            verify=trust.verification(),
        )

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        timeout_seconds: float | None = None,
    ) -> httpx.Response:
        """The answer, when it is a good one.

        Args:
            method: of HTTP.
            path: below the address.
            body: bytes to send.
            headers: beside the key.
            timeout_seconds: the time that this call has, if that is less than any other.

        Raises:
            DeadlinePassed: there was none within the timeout of this call.
            Unavailable: nobody answers at the address, or not within the deadline.
            LichenError: the server refused, in its own words.
        """
        has_seconds = min(self._deadline_seconds, timeout_seconds or self._deadline_seconds)
        give_up = time.monotonic() + has_seconds
        for attempt in range(ATTEMPTS):
            try:
                answer = self._once(method, path, body, headers, give_up)
            except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError) as error:
                is_last = attempt + 1 == ATTEMPTS
                closes_all = is_last and not isinstance(error, httpx.ConnectError)
                refused_for_good = refused_by_tls(error, self.url, closes_all=closes_all)
                if refused_for_good is not None:
                    raise refused_for_good from error
                pause = _FIRST_PAUSE_SECONDS * 2**attempt
                if is_last or time.monotonic() + pause > give_up:
                    raise errors.Unavailable(
                        f"nothing answers at {self.url} ({error}): is the platform up?"
                    ) from error
                time.sleep(pause)
            except httpx.TimeoutException as error:
                kind = errors.DeadlinePassed if timeout_seconds else errors.Unavailable
                raise kind(f"{self.url} did not answer within {has_seconds:g} s") from error
            else:
                if answer.status_code >= _FIRST_ERROR:
                    raise _refusal(answer)
                return answer
        raise AssertionError("the last attempt either answered or raised")

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], give_up: float
    ) -> httpx.Response:
        left = max(give_up - time.monotonic(), 0.001)
        return self._http.request(
            method,
            path,
            content=body,
            headers=headers,
            timeout=httpx.Timeout(left, connect=min(left, _CONNECT_SECONDS)),
        )


def _refusal(answer: httpx.Response) -> errors.LichenError:
    try:
        says = msgspec.json.decode(answer.content, type=ErrorBody).error
    except msgspec.MsgspecError:
        says = f"{answer.url} answered {answer.status_code}"
    kind = _ERRORS.get(answer.status_code, errors.WorkFailed)
    if kind is errors.OverBudget:
        wait = answer.headers.get("retry-after", "")
        return errors.OverBudget(says, int(wait) if wait.isdecimal() else None)
    return kind(says)
