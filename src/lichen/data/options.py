"""How a file is to be read, and how large it may be: every limit of this room stands here."""

from dataclasses import dataclass, field

MAX_ROWS = 20_000_000
MAX_COLUMNS = 2_000
MAX_BYTES = 4 * 1024**3
MEMORY_MB = 512
"""What DuckDB may hold in memory while it reads; beyond it, it spills to the scratch folder."""
MAX_PICTURES = 1_000_000
MAX_PIXELS = 1 << 24
"""Of one picture as it comes, before it is made smaller: 4,096 x 4,096."""
MAX_IMAGE_BYTES = 256 * 1024
"""Of one image as it is stored: 295 x 295 pixels of three channels."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest file that is read; what is beyond is refused with the limit named.

    `bytes` holds for a file as it comes and for what it is unpacked.
    """

    rows: int = MAX_ROWS
    columns: int = MAX_COLUMNS
    bytes: int = MAX_BYTES
    memory_mb: int = MEMORY_MB
    pictures: int = MAX_PICTURES
    pixels: int = MAX_PIXELS
    image_bytes: int = MAX_IMAGE_BYTES


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """What the caller knows about a file; all that is left out is detected.

    `time` may name two columns, a date and a time of day, as `Date,Time`. `timezone` is for times
    that carry no offset: an IANA name such as `Australia/Melbourne`, or `+10:00`; UTC unless said.
    `time_format` is a strptime format. `missing` lists cells that mean "not measured", as `-200`.
    `size` is what pictures are brought to, width x height as `28x28`; else all must have one size.
    """

    time: str | None = None
    timezone: str | None = None
    time_format: str | None = None
    series: str | None = None
    targets: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    units: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    encoding: str | None = None
    separator: str | None = None
    decimal: str | None = None
    sheet: str | None = None
    size: str | None = None
    limits: Limits = field(default_factory=Limits)
