"""Due moments beside a reading of cron expressions that looks at every minute there is."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.control.periods import Period, moment_of_wall, period_of
from lichen.core.errors import InvalidInput

MINUTE = timedelta(minutes=1)
CHANGES = (
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),  # by half an hour
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),  # midnight is left out
    ("Asia/Beirut", datetime(2026, 10, 24, 21, tzinfo=UTC)),  # 23:00 comes twice
    ("Asia/Kathmandu", datetime(2026, 5, 1, tzinfo=UTC)),  # none, and no whole hours
    ("UTC", datetime(2026, 12, 31, 23, tzinfo=UTC)),
)


@st.composite
def fields(draw: st.DrawFn) -> tuple[str, str, str]:
    """Minute, hour and day of the week."""
    minutes = st.sampled_from(("0", "30", "7,37", "*/15", "59", "*/20"))
    hours = st.sampled_from(("*", "0", "1", "2", "3", "23", "*/6", "0-3", "1,2,3", "*/1", "22-23"))
    days = st.sampled_from(("*", "0", "1-5", "6,0", "5"))
    return draw(minutes), draw(hours), draw(days)


def chosen(field: str, size: int) -> set[int]:
    """What a field means, read anew."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        low, high = (0, size - 1) if span == "*" else (int(first), int(last or first))
        found |= set(range(low, high + 1, int(step or 1)))
    return found


def by_every_minute(
    expression: tuple[str, str, str], zone: ZoneInfo, start: datetime, end: datetime
) -> list[datetime]:
    minutes, hours, days = (
        chosen(field, size) for field, size in zip(expression, (60, 24, 7), strict=True)
    )

    def matches(wall: datetime) -> bool:
        day = wall.isoweekday() % 7
        return wall.minute in minutes and wall.hour in hours and day in days

    span = [start + number * MINUTE for number in range(1, int((end - start) / MINUTE) + 1)]
    if len(hours) == 24:
        return [at for at in span if matches(at.astimezone(zone))]
    first = start.astimezone(zone).replace(tzinfo=None) - timedelta(hours=26)
    walls = (first + number * MINUTE for number in range(int((end - start) / MINUTE) + 53 * 60))
    moments = {moment_of_wall(wall, zone) for wall in walls if matches(wall)}
    return sorted(at for at in moments if start < at <= end)


@settings(max_examples=60, deadline=None)
@given(fields(), st.sampled_from(CHANGES), st.integers(0, 30 * 60))
def test_due_moments_are_those_that_a_look_at_every_minute_finds(
    expression: tuple[str, str, str], change: tuple[str, datetime], before_minutes: int
) -> None:
    timezone, moment = change
    minute, hour, day = expression
    period = Period(f"{minute} {hour} * * {day}", timezone)
    start = moment - before_minutes * MINUTE
    end = start + timedelta(hours=36)

    found = list(period.between(start, end))
    assert found == by_every_minute(expression, ZoneInfo(timezone), start, end)
    assert period.latest(start, end) == (found[-1] if found else None)


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=30)
    | st.from_regex(r"[-*0-9/,L#A-Z]{1,6}( [-*0-9/,L#]{1,5}){4}", fullmatch=True)
)
def test_any_text_is_a_period_or_refused_in_one_sentence(text: str) -> None:
    period, refusal = read(text)
    if period is None:
        assert refusal
        assert "\n" not in refusal
        return
    first = period.after(datetime(2026, 1, 1, tzinfo=UTC))
    assert period.after(first) - first >= timedelta(minutes=5)


def read(text: str) -> tuple[Period | None, str]:
    try:
        return period_of(text, "Europe/Berlin"), ""
    except InvalidInput as refusal:
        return None, str(refusal)
