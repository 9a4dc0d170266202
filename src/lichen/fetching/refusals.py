"""What a server's refusal means, as one sentence: who, what, and what to do."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from lichen.core.errors import LichenError, NotFound, Refused, WorkFailed
from lichen.fetching.locations import Location

LONGEST_WAIT_S = 120.0
"""A server that asks for a longer pause is asked again by whoever pulls, not by the job."""
_LASTING: Mapping[int, tuple[type[LichenError], str]] = {
    401: (
        Refused,
        "{host} wants to know who asks for {where} (HTTP 401): let an administrator give a token "
        "or login for it in the settings of the section `pull`, or check the one given",
    ),
    403: (
        Refused,
        "{host} refuses {where} to this caller (HTTP 403): see that the token or key in the "
        "settings may read it, and that its terms were accepted there",
    ),
    404: (NotFound, "{host} has no {where} (HTTP 404): check the name and the revision"),
    410: (NotFound, "{host} has {where} no more (HTTP 410): name another"),
}
"""Refusals that asking again does not mend."""


class TransientError(WorkFailed):
    """It may work in a moment; `wait_s` is how long the server wants to be left alone."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def refusal(status: int, headers: Mapping[str, str], place: Location) -> LichenError:
    """The error of an answer that is none."""
    where, host = place.shown, place.authority
    if status in _LASTING:
        kind, says = _LASTING[status]
        return kind(says.format(host=host, where=where))
    if status == 429:
        return _throttled(headers, host)
    if status >= 500 or status in (408, 425):
        return TransientError(f"{host} failed over {where} (HTTP {status})", _wait(headers))
    return WorkFailed(f"{host} answered HTTP {status} to {where}, which is no model")


def _throttled(headers: Mapping[str, str], host: str) -> LichenError:
    wait = _wait(headers)
    if wait is not None and wait > LONGEST_WAIT_S:
        return WorkFailed(
            f"{host} is asked too often and wants a pause of {wait:.0f} s (HTTP 429): pull again "
            "after that"
        )
    return TransientError(f"{host} is asked too often (HTTP 429)", wait)


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds of Retry-After, which is a number or a date (RFC 9110, 10.2.3)."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
        since = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, (_in_utc(until) - _in_utc(since)).total_seconds())


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
