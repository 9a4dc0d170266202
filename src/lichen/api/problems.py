"""Errors as RFC 9457 problem documents."""

from http import HTTPStatus

import msgspec

from lichen.api.statuses import RETRY_AFTER_SECONDS, http_status, sentence
from lichen.core.errors import LichenError, error_name
from lichen.protocol.admin import Problem

MEDIA_TYPE = "application/problem+json"


def problem_of(error: BaseException, instance: str | None = None) -> Problem:
    """What a caller is told of an error; nothing but its status when it is not one of ours."""
    status = http_status(error)
    return Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=sentence(error),
        code=error_name(error) if isinstance(error, LichenError) else LichenError.__name__,
        instance=instance,
    )


def encoded(problem: Problem, retry_after_s: int | None = None) -> tuple[bytes, dict[str, str]]:
    """Its body and headers; `retry_after_s` is when to come back, if the error knows better."""
    headers = {"Content-Type": MEDIA_TYPE}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    wait = retry_after_s or RETRY_AFTER_SECONDS.get(problem.status)
    if wait is not None:
        headers["Retry-After"] = str(wait)
    return msgspec.json.encode(problem), headers
