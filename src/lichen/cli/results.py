"""What a job made, in lines for people."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from lichen.cli.output import print_table, printable
from lichen.core.units import readable
from lichen.protocol.admin import JsonObject


def result_lines(result: JsonObject) -> Iterator[str]:
    """What it made, in a line; then what a training tried."""
    plain = {name: one for name, one in result.items() if not isinstance(one, list | dict)}
    if plain:
        yield ", ".join(f"{name} {one}" for name, one in plain.items())
    yield from candidate_lines(result)
    yield from metric_lines(result)


def candidate_lines(result: JsonObject) -> Iterator[str]:
    """What was tried, a sentence each on why it was or was not chosen; the chosen has a star."""
    for candidate in result.get("candidates", ()):
        yield f"{'*' if candidate['chosen'] else ' '} {candidate['sentence']}"


def metric_lines(result: JsonObject) -> Iterator[str]:
    """How each metric that a script logged went, from its first step to its last."""
    for name, points in result.get("metrics", {}).items():
        (first, began), (last, ended) = points[0], points[-1]
        shown = [printable("NaN" if one is None else f"{one:.5g}") for one in (began, ended)]
        yield f"{printable(name)}: {shown[0]} (step {first:g}) to {shown[1]} (step {last:g})"


def print_candidates(result: JsonObject) -> None:
    """What was tried as a table, the efficient marked, the chosen with a star; then why it was."""
    tried = result.get("candidates", ())
    if not tried:
        return
    headings = ("", "algorithm", _measure(tried[0]), "to train", "a prediction", "efficient")
    print_table(headings, [_row(one) for one in tried])
    for one in tried:
        if one["chosen"]:
            click.echo(f"* {printable(one['sentence'])}")


def _measure(candidate: Mapping[str, Any]) -> str:
    """What the scores are of, and which way is better; jobs of earlier releases do not say."""
    if "measure" not in candidate:
        return "score"
    better = "more" if candidate.get("more_is_better") else "less"
    return f"{printable(candidate['measure'])} ({better} is better)"


def _row(candidate: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        "*" if candidate["chosen"] else "",
        candidate["algorithm"],
        f"{candidate['score']:.5g}",
        _joules(candidate.get("nj_to_train")),
        _joules(candidate.get("nj_per_prediction")),
        "yes" if candidate.get("is_efficient", True) else "",
    )


def _joules(nanojoules: int | None) -> str:
    """Empty where nothing was measured (M5)."""
    return "" if nanojoules is None else readable(nanojoules, "J")
