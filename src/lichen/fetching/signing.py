"""Signatures of requests to buckets: AWS Signature Version 4.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote

from lichen.core.clock import Clock
from lichen.fetching.locations import Location
from lichen.fetching.policy import BucketAccount
from lichen.fetching.web import Ask

_ALGORITHM = "AWS4-HMAC-SHA256"
_NOTHING = hashlib.sha256(b"").hexdigest()
_UNRESERVED = "-_.~"


class BucketKeys:
    """Signs what goes to the place of the buckets, and nothing else."""

    def __init__(self, account: BucketAccount, place: Location, clock: Clock) -> None:
        self._account = account
        self._place = place
        self._clock = clock

    def headers(self, ask: Ask) -> Mapping[str, str]:
        """See Credentials."""
        if not self._account.secret_key or ask.place.origin != self._place.origin:
            return {}
        return signed(ask, self._account, self._clock.now())

    def learn(self, challenge: str, place: Location) -> bool:  # noqa: ARG002 - the protocol's
        """No: it was signed already."""
        return False


def signed(ask: Ask, account: BucketAccount, now: datetime) -> dict[str, str]:
    """The headers that sign a request without a body, `range` and all of `x-amz-` included."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"x-amz-date": stamp, "x-amz-content-sha256": _NOTHING}
    if account.session:
        added["x-amz-security-token"] = account.session
    sent = {name.lower(): value for name, value in ask.headers.items()}
    covered = {
        "host": ask.place.authority,
        **{name: sent[name] for name in sent if name == "range" or name.startswith("x-amz-")},
        **added,
    }
    names = ";".join(sorted(covered))
    scope = f"{stamp[:8]}/{account.region}/s3/aws4_request"
    canonical = "\n".join((ask.method, *_target(ask.place), *_lines(covered), names, _NOTHING))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signature = hmac.new(
        _key(account, stamp[:8]),
        "\n".join((_ALGORITHM, stamp, scope, digest)).encode(),
        hashlib.sha256,
    ).hexdigest()
    credential = f"{account.access_key}/{scope}"
    added["Authorization"] = (
        f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
    )
    return added


def _target(place: Location) -> tuple[str, str]:
    path, _, query = place.target.partition("?")
    pairs = sorted(
        (quote(name, _UNRESERVED), quote(value, _UNRESERVED))
        for name, value in parse_qsl(query, keep_blank_values=True)
    )
    return quote(unquote(path), f"/{_UNRESERVED}"), "&".join(f"{one}={two}" for one, two in pairs)


def _lines(covered: Mapping[str, str]) -> tuple[str, ...]:
    """A line for each header in order, and an empty one."""
    return (*(f"{name}:{' '.join(covered[name].split())}" for name in sorted(covered)), "")


def _key(account: BucketAccount, day: str) -> bytes:
    key = f"AWS4{account.secret_key}".encode()
    for part in (day, account.region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
