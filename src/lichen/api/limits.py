"""How budgets stand, as every protocol tells it: headers over HTTP, trailing metadata over gRPC."""

from lichen.core.errors import OverBudget
from lichen.protocol.grpc_status import RETRY_KEY
from lichen.protocol.ratelimit import RATE_LIMIT, RATE_LIMIT_POLICY
from lichen.serving.allotment import Limits, Overspent
from lichen.serving.ticket import Answer

_POLICY_KEY, _STATE_KEY = RATE_LIMIT_POLICY.lower(), RATE_LIMIT.lower()
_LINES = f"{RATE_LIMIT_POLICY}: %b\r\n{RATE_LIMIT}: %b\r\n".encode()


def limit_lines(limits: Limits) -> bytes:
    """The values as lines of a head."""
    return _LINES % limits


def limits_of(said: Answer | BaseException) -> Limits | None:
    """What the budgets of an answer or a refusal say; None where none counts."""
    if isinstance(said, Answer):
        return None if said.allotment is None else said.allotment.limits()
    return said.limits if isinstance(said, Overspent) else None


def limit_metadata(said: Answer | BaseException) -> tuple[tuple[str, str], ...]:
    """The same with names in lower case, as HTTP/2 and gRPC write them, and values."""
    limits = limits_of(said)
    if limits is None:
        return ()
    policy, state = limits
    return ((_POLICY_KEY, policy.decode()), (_STATE_KEY, state.decode()))


def refusal_metadata(error: BaseException) -> tuple[tuple[str, str], ...]:
    """How the budgets of a refusal stand, and in how many seconds to come back, if that is known.

    In the trailing metadata of a call, and in the parameters of what a stream says to one request.
    """
    if not isinstance(error, OverBudget):
        return ()
    told = limit_metadata(error)
    if error.retry_after_s is None:
        return told
    return (*told, (RETRY_KEY, str(error.retry_after_s)))
