"""The file of one budget: what is committed in each step of its period, shared by processes (B2).

One page, read and written in place through its descriptor: a `kill -9` loses nothing, and whoever
cuts the file makes an error and no signal, as a mapped page would. Each step has a place of its own
and is counted once, however the clock goes. Every change is one aligned word, under the lock.

    words 0-5     magic, layout, then the SHA-256 of the identity
    from 512      the identity as text, for people
    from 2048     64 places: start of the step in microseconds since 1970, committed nano-units
"""

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from struct import Struct, pack
from time import monotonic, sleep

from lichen.carbon.budgets.budget import Budget, Period, Span
from lichen.core.errors import Corrupt, Unavailable
from lichen.store.failures import storage_failures

SUFFIX = ".allowance"
_MAGIC = 0x4C49_4348_414C_0001
_PAGE = 4096
_HEADER = 48
_IDENTITY_AT, _PLACES_AT = 512, 2048
_PLACES = 64
"""More than the 51 steps that can count at once, so that there is always one to take."""
_WORD, _WORDS = Struct("@q"), Struct(f"@{2 * _PLACES}q")
_LARGEST = 2**62
_PATIENCE_S, _AFTERWARDS_S = 0.2, 1.0
"""How long a lock is waited for that is held for 20 us, and how long no more after that."""
_PAUSE_S, _LONGEST_PAUSE_S = 50e-6, 2e-3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def identity(budget: Budget) -> str:
    """What makes it the same budget: all but its limit and what becomes of work over it."""
    period = budget.period
    return (
        f"tenant {budget.tenant}, budget {budget.name}, {budget.scope}, {budget.quantity}"
        f" by {period.kind} {period.window_s}"
    )


def allowance_path(folder: Path, budget: Budget) -> Path:
    """Where the file of a budget stands."""
    digest = sha256(identity(budget).encode()).hexdigest()
    return folder / f"{budget.name}-{digest[:16]}{SUFFIX}"


def microseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def counted_from(period: Period, step: Span) -> tuple[int, int]:
    """First and last start of the steps that count while `step` is now, in microseconds.

    Steps to come hold something only when the clock was ahead: within one period they count, so
    that a clock that is set right does not grant anew what was spent while it was wrong.
    """
    start, length = microseconds(step.start), (step.end - step.start) // _MICROSECOND
    return start - (period.steps - 1) * length, start + period.steps * length


def leaves_at(period: Period, start_us: int) -> datetime:
    """When the step that starts then counts no more."""
    span = period.step_at(_EPOCH + timedelta(microseconds=start_us))
    return span.start + period.steps * (span.end - span.start)


class StepFile:
    """The steps of one budget; all but `locked` and `sync` are called with the lock held."""

    def __init__(self, path: Path, period: Period, descriptor: int) -> None:
        self.path = path
        self._period = period
        self._descriptor = descriptor
        self._waits_from = 0.0
        self._content = b""
        self._starts: Sequence[int] = ()
        self._step: Span | None = None
        self._counted: Mapping[int, int] = {}

    @classmethod
    def open(cls, folder: Path, budget: Budget) -> "StepFile":
        """Open the file, or make it; of several that make it at once one does.

        Raises:
            StorageFailed: the folder cannot be read or written.
            Corrupt: the file is damaged or no file of this budget; it is left as it is.
        """
        path = allowance_path(folder, budget)
        with storage_failures(path):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                _create(path, budget)
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                _check_header(path, budget, os.pread(descriptor, _PAGE + 1, 0))
                file = cls(path, budget.period, descriptor)
            except BaseException:
                os.close(descriptor)
                raise
        try:
            with file.locked():
                file._check_places(_WORDS.unpack(file._read()))
        except BaseException:
            file.close()
            raise
        return file

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the file's lock: of the open file, so that two openers of one process exclude too.

        Raises:
            Unavailable: somebody has held it for long, who was stopped in the middle of it.
        """
        self.lock()
        try:
            yield
        finally:
            self.unlock()

    def lock(self) -> None:
        """Take the lock; see `locked`.

        Raises:
            Unavailable: somebody has held it for long.
            Corrupt: it was removed or cut.
        """
        pause_s = _PAUSE_S
        began = monotonic()
        give_up = began + (_PATIENCE_S if began >= self._waits_from else 0.0)
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if monotonic() >= give_up:
                    break
                sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                self._check_there()
                return
        self._waits_from = monotonic() + _AFTERWARDS_S
        raise Unavailable(f"{self.path} is held by a process that does not go on: end that one")

    def _check_there(self) -> None:
        found = os.fstat(self._descriptor)
        if found.st_size == _PAGE and found.st_nlink:
            return
        self.unlock()
        if found.st_nlink:
            raise _damaged(self.path)
        raise Corrupt(f"{self.path} was removed: open the budget anew, with nothing spent")

    def unlock(self) -> None:
        """Give the lock back."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def counted(self, step: Span) -> Mapping[int, int]:
        """What is committed in each step that counts while `step` is now, oldest first.

        Raises:
            Corrupt: it was damaged or cut.
        """
        content = self._read()
        if content != self._content or step != self._step:  # of 1,000 budgets few change a second
            first, last = counted_from(self._period, step)
            words = _WORDS.unpack(content)
            self._check_places(words)
            self._counted = {
                start: committed
                for start, committed in sorted(zip(words[::2], words[1::2], strict=True))
                if committed and first <= start <= last
            }
            self._content, self._step = content, step
        return self._counted

    def is_unchanged(self, now: datetime) -> bool:
        """Whether nothing can have changed since `counted` looked; asked without the lock.

        A change that is under way is seen the next time.
        """
        step = self._step
        if step is None or not step.start <= now < step.end:
            return False
        found = os.fstat(self._descriptor)
        if found.st_size != _PAGE or not found.st_nlink:
            return False
        return os.pread(self._descriptor, _WORDS.size, _PLACES_AT) == self._content

    def add(self, step: Span, amount: int) -> None:
        """Commit more in the step that is now, or less."""
        start, words = microseconds(step.start), _WORDS.unpack(self._read())
        if start in words[::2]:
            self._change(words, start, amount)
        else:
            self._take_place(words, start, counted_from(self._period, step), amount)

    def give_back(self, start_us: int, amount: int) -> None:
        """Commit less in a step of old; one that is forgotten stays so."""
        words = _WORDS.unpack(self._read())
        if start_us in words[::2]:
            self._change(words, start_us, -amount)

    def _change(self, words: Sequence[int], start_us: int, amount: int) -> None:
        place = 2 * words[::2].index(start_us)
        self._store(place + 1, max(0, words[place + 1] + amount))

    def _take_place(
        self, words: Sequence[int], start_us: int, counted: tuple[int, int], amount: int
    ) -> None:
        """The oldest place that does not count. First it is emptied, and only then renamed."""
        first, last = counted
        starts = words[::2]
        free = [place for place, start in enumerate(starts) if not first <= start <= last]
        place = 2 * min(free, key=starts.__getitem__)
        self._store(place + 1, 0)
        self._store(place, start_us)
        self._store(place + 1, max(0, amount))

    def _read(self) -> bytes:
        content = os.pread(self._descriptor, _WORDS.size, _PLACES_AT)
        if len(content) != _WORDS.size:
            raise _damaged(self.path)
        return content

    def _store(self, word: int, number: int) -> None:
        try:
            os.pwrite(self._descriptor, _WORD.pack(number), _PLACES_AT + word * _WORD.size)
        except OSError as error:
            raise Unavailable(f"cannot write {self.path}: {error.strerror}") from error

    def _check_places(self, words: Sequence[int]) -> None:
        starts, committed = words[::2], words[1::2]
        if min(committed) < 0 or max(committed) >= _LARGEST:
            raise _damaged(self.path)
        if starts == self._starts:  # they seldom change, and each takes a look at the calendar
            return
        used = [start for start in starts if start]
        if len(set(used)) < len(used) or not all(_is_step(self._period, one) for one in used):
            raise _damaged(self.path)
        self._starts = starts

    def sync(self) -> None:
        """Have the disk hold it, against a power failure; takes as long as the disk does.

        Raises:
            StorageFailed: the disk does not take it.
        """
        if self._descriptor < 0:
            return
        with storage_failures(self.path):
            os.fdatasync(self._descriptor)

    def __del__(self) -> None:
        """One that nobody closed, because its holder failed, keeps no file open."""
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor < 0:
            return
        os.close(self._descriptor)
        self._descriptor = -1


def _is_step(period: Period, start_us: int) -> bool:
    """Is it the start of a step, or of none (0, an empty place)?"""
    if start_us == 0:
        return True
    try:
        moment = _EPOCH + timedelta(microseconds=start_us)
        return period.step_at(moment).start == moment
    except OverflowError:
        return False


def _header(budget: Budget) -> bytes:
    text = identity(budget).encode()
    start = pack("@2q", _MAGIC, 1) + sha256(text).digest()
    return start.ljust(_IDENTITY_AT, b"\0") + text.ljust(_PLACES_AT - _IDENTITY_AT, b"\0")


def _create(path: Path, budget: Budget) -> None:
    """Make the file whole under another name, and durably; who links it second uses the first's."""
    fresh = path.with_suffix(f".{os.getpid()}-{os.urandom(4).hex()}.new")
    try:
        with fresh.open("xb") as file:
            file.write(_header(budget).ljust(_PAGE, b"\0"))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _check_header(path: Path, budget: Budget, content: bytes) -> None:
    if len(content) != _PAGE or content[:8] != pack("@q", _MAGIC):
        raise _damaged(path)
    if content[:_PLACES_AT] != _header(budget):
        said = content[_IDENTITY_AT:_PLACES_AT].rstrip(b"\0").decode(errors="replace")
        raise Corrupt(
            f"{path} is the account of another budget ({said[:200]}): move it out of the way"
        )


def _damaged(path: Path) -> Corrupt:
    return Corrupt(
        f"{path} is damaged, so nobody knows what this budget has spent: restore it from a backup, "
        "or remove it to begin the budget anew with nothing spent"
    )
