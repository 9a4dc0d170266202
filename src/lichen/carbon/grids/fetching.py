"""When to ask a service again, and what becomes of what it said: pure but for the question itself.

One mechanism retries: the pause grows with each failure, and never falls below what the service
asks for (RFC 9110, Retry-After).
"""

from datetime import datetime, timedelta

from lichen.carbon.grids.kept import Kept
from lichen.carbon.grids.observations import merged
from lichen.carbon.grids.service import IntensityService, ServiceRefused, Throttled
from lichen.core.errors import LichenError, NotFound

FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 900.0
REFUSED_PAUSE_S = 3600.0
"""A refused token or an unknown zone does not mend itself; an account may."""
LONGEST_WAIT_S = 86400.0


def is_due(kept: Kept, now: datetime, *, has_just_started: bool = False) -> bool:
    """Whether the service should be asked now.

    A platform that was started again (with a new token, perhaps) does not sit out the pause of a
    failure; a clock that went back does not make it wait for a time long past.
    """
    if kept.asked_at is None or kept.next_at is None or now < kept.asked_at:
        return True
    if has_just_started and kept.failures:
        return now >= kept.asked_at + timedelta(seconds=FIRST_PAUSE_S)
    return now >= kept.next_at


def asked(service: IntensityService, zone: str, kept: Kept, now: datetime) -> Kept:
    """What is known after asking: the fresh values over the old ones, or why there are none."""
    try:
        fresh = service.fetch(zone, now)
    except LichenError as refusal:
        failures = kept.failures + 1
        pause = timedelta(seconds=pause_after(refusal, failures, service.period_s))
        return Kept(kept.answer, now, kept.answered_at, str(refusal), failures, now + pause)
    answer = merged(kept.answer, fresh, now)
    return Kept(answer, now, now, "", 0, now + timedelta(seconds=service.period_s))


def pause_after(refusal: LichenError, failures: int, period_s: int) -> float:
    """Seconds until the next question, after so many failures in a row."""
    if isinstance(refusal, ServiceRefused | NotFound):
        return REFUSED_PAUSE_S
    growing = min(FIRST_PAUSE_S * 2.0 ** min(failures - 1, 16), LONGEST_PAUSE_S)
    if isinstance(refusal, Throttled):
        return min(max(growing, refusal.wait_s or period_s), LONGEST_WAIT_S)
    return growing
