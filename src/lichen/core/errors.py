"""The one tree of errors. Each message says what happened, to what, and what to do about it.

    LichenError
    ├── InvalidInput          the caller's data, request or option is wrong
    │   ├── TooLarge          ... because it is over a stated limit
    │   └── UnknownCoding     ... because its bytes are in a coding that is not taken
    ├── NotFound              no such dataset, model, deployment, job, ...
    ├── Conflict              it exists already, or changed since it was read
    ├── Refused               understood, and not allowed
    │   ├── Unauthenticated   nobody we know is calling
    │   ├── Forbidden         the caller may not do this
    │   ├── OverBudget        the energy or carbon budget is spent
    │   └── QueueFull         so many jobs wait already that no more are taken
    ├── Unavailable           not now: busy, stopping, or another owner holds it
    ├── DeadlinePassed        the time that the caller allowed was over before the work began
    ├── StorageFailed         the disk is full, read-only or broken
    │   └── Corrupt           stored bytes do not have the digest they should have
    └── WorkFailed            a job or a model ran and failed

It knows no HTTP status and no exit code: those tables stand at the doors.
"""


class LichenError(Exception):
    """Anything this package raises on purpose; `str(error)` is one clear sentence."""


class InvalidInput(LichenError):
    """The caller's data, request or option is wrong; the message names the field and the remedy."""


class TooLarge(InvalidInput):
    """The input is over a limit, which the message names."""


class UnknownCoding(InvalidInput):
    """The input is in a content coding that is not taken; the message names those that are."""


class NotFound(LichenError):
    """There is no such thing; the message says what was looked for and how to list what exists."""


class Conflict(LichenError):
    """It exists already, or it changed since it was read."""


class Refused(LichenError):
    """Understood, and not allowed."""


class Unauthenticated(Refused):
    """Nobody we know is calling."""


class Forbidden(Refused):
    """The caller is known and may not do this."""


class OverBudget(Refused):
    """The energy or carbon budget is spent; `retry_after_s` is when some of it comes back."""

    def __init__(self, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QueueFull(Refused):
    """So many jobs wait already that no more are taken; one is when others have ended."""


class Unavailable(LichenError):
    """Not now: busy, stopping, or somebody else holds it; trying later may work."""


class DeadlinePassed(LichenError):
    """The time that was allowed was over before the work was done, or before it began."""


class StorageFailed(LichenError):
    """The disk is full, read-only or broken; nothing half-written was left."""


class Corrupt(StorageFailed):
    """Stored bytes do not have the digest they should have."""


class WorkFailed(LichenError):
    """A job or a model ran and failed."""


_BY_NAME: dict[str, type[LichenError]] = {
    kind.__name__: kind
    for kind in (
        LichenError,
        InvalidInput,
        TooLarge,
        UnknownCoding,
        NotFound,
        Conflict,
        Refused,
        Unauthenticated,
        Forbidden,
        OverBudget,
        QueueFull,
        Unavailable,
        DeadlinePassed,
        StorageFailed,
        Corrupt,
        WorkFailed,
    )
}


def error_name(error: LichenError) -> str:
    """The class of the tree that an error belongs to, as it is written on the wire."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind in _BY_NAME.values())


def named_error(name: str, message: str) -> LichenError:
    """The error that was written on the wire; an unknown name is a plain LichenError."""
    return _BY_NAME.get(name, LichenError)(message)
