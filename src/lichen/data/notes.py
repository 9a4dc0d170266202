"""What reading a file had to decide or leave out: findings about the file, not its values."""

from lichen.data.findings import Finding, Severity, counted
from lichen.data.options import IngestOptions
from lichen.data.raw import RawFile
from lichen.data.timeindex import TimeIndex


def file_notes(file: RawFile) -> tuple[Finding, ...]:
    """What was left out of a file, or guessed about it."""
    notes: list[Finding] = []
    if file.blank_rows:
        notes.append(
            Finding(
                "blank-rows",
                Severity.INFO,
                f"{file.name} had {counted(file.blank_rows, 'row')} without any value, left out",
                "nothing to do, unless rows were lost on the way here",
                count=file.blank_rows,
            )
        )
    if file.guessed_encoding:
        notes.append(
            Finding(
                "guessed-encoding",
                Severity.INFO,
                f"{file.name} does not say its encoding and was read as {file.guessed_encoding}",
                "if names or texts look wrong, give the option encoding",
            )
        )
    return tuple(notes)


def time_notes(index: TimeIndex | None, options: IngestOptions) -> tuple[Finding, ...]:
    """How the times were read, where a person could want it otherwise."""
    if index is None:
        return (
            Finding(
                "no-time-column",
                Severity.INFO,
                "no column holds times: the rows can be learned from, not forecast",
                "name the time column with the option time, if there is one",
            ),
        )
    notes: list[Finding] = []
    if index.naive and options.timezone is None and not _is_utc_name(index.name):
        notes.append(
            Finding(
                "naive-times",
                Severity.INFO,
                f"the times in {index.name!r} carry no zone and were read as UTC",
                "if they are local times, add the file again with the option timezone",
                index.name,
            )
        )
    if index.repeated:
        notes.append(
            Finding(
                "dst-repeated-hour",
                Severity.INFO,
                f"{counted(index.repeated, 'row')} in an hour that the clocks of {index.timezone} "
                "repeated; within a series the first was read as the earlier",
                "export in UTC to be certain of the order",
                index.name,
                count=index.repeated,
            )
        )
    return tuple(notes)


def _is_utc_name(name: str) -> bool:
    return "utc" in name.casefold()
