"""What a job made, in lines for people."""

from collections.abc import Iterator

from lichen.protocol.admin import JsonObject


def result_lines(result: JsonObject) -> Iterator[str]:
    """What it made, in a line; then what a training tried."""
    plain = {name: one for name, one in result.items() if not isinstance(one, list | dict)}
    if plain:
        yield ", ".join(f"{name} {one}" for name, one in plain.items())
    yield from candidate_lines(result)


def candidate_lines(result: JsonObject) -> Iterator[str]:
    """What was tried, a sentence each on why it was or was not chosen; the chosen has a star."""
    for candidate in result.get("candidates", ()):
        yield f"{'*' if candidate['chosen'] else ' '} {candidate['sentence']}"
