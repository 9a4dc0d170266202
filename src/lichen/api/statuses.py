"""The one table: what an error of ours is called over HTTP and over gRPC."""

from enum import IntEnum

from lichen.core import errors


class GrpcCode(IntEnum):
    """The codes of gRPC that errors of ours have there; `grpc` itself is loaded late."""

    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    ABORTED = 10
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


HTTP_STATUS: dict[type[errors.LichenError], int] = {
    errors.InvalidInput: 400,
    errors.TooLarge: 413,
    errors.UnknownCoding: 415,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Refused: 403,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.OverBudget: 429,
    errors.QueueFull: 429,
    errors.Unavailable: 503,
    errors.DeadlinePassed: 504,
    errors.StorageFailed: 507,
    errors.Corrupt: 500,
    errors.WorkFailed: 500,
    errors.LichenError: 500,
}

GRPC_CODE: dict[type[errors.LichenError], GrpcCode] = {
    errors.InvalidInput: GrpcCode.INVALID_ARGUMENT,
    errors.UnknownCoding: GrpcCode.INVALID_ARGUMENT,
    errors.TooLarge: GrpcCode.RESOURCE_EXHAUSTED,  # as gRPC itself says of a message over its limit
    errors.NotFound: GrpcCode.NOT_FOUND,
    errors.Conflict: GrpcCode.ABORTED,
    errors.Refused: GrpcCode.PERMISSION_DENIED,
    errors.Unauthenticated: GrpcCode.UNAUTHENTICATED,
    errors.Forbidden: GrpcCode.PERMISSION_DENIED,
    errors.OverBudget: GrpcCode.RESOURCE_EXHAUSTED,
    errors.QueueFull: GrpcCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: GrpcCode.UNAVAILABLE,
    errors.DeadlinePassed: GrpcCode.DEADLINE_EXCEEDED,
    errors.StorageFailed: GrpcCode.RESOURCE_EXHAUSTED,
    errors.Corrupt: GrpcCode.DATA_LOSS,
    errors.WorkFailed: GrpcCode.INTERNAL,
    errors.LichenError: GrpcCode.INTERNAL,
}

RETRY_AFTER_SECONDS: dict[int, int] = {429: 60, 503: 1}
"""What `Retry-After` says on the statuses that carry one."""

ACCEPTED_CODINGS: dict[int, str] = {415: "gzip, deflate"}
"""What `Accept-Encoding` says on the status that carries one (RFC 9110, 15.5.16)."""

UNEXPECTED = "the server met an error that it did not expect; its log says more"
"""All that a caller learns of an exception that is not ours: no traceback, no path."""


def http_status(error: BaseException) -> int:
    """The status of an error; 500 for whatever is not ours."""
    for kind in type(error).__mro__:
        status = HTTP_STATUS.get(kind)
        if status is not None:
            return status
    return 500


def grpc_code(error: BaseException) -> GrpcCode:
    """The gRPC code of an error; INTERNAL for whatever is not ours."""
    for kind in type(error).__mro__:
        code = GRPC_CODE.get(kind)
        if code is not None:
            return code
    return GrpcCode.INTERNAL


def retry_after_seconds(error: BaseException) -> int | None:
    """What `Retry-After` says for an error; None where it says nothing."""
    if isinstance(error, errors.OverBudget) and error.retry_after_s is not None:
        return error.retry_after_s
    return RETRY_AFTER_SECONDS.get(http_status(error))


def sentence(error: BaseException) -> str:
    """What the caller is told: an error of ours in its own words, any other without details."""
    if isinstance(error, errors.LichenError):
        return str(error) or type(error).__name__
    return UNEXPECTED
