"""The page of formats names every format, what it needs and how it is allowed."""

from pathlib import Path

import pytest

from lichen.frameworks.importing.formats import FORMATS, Format

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "formats.md"


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.name)
def test_every_format_has_a_line(one: Format) -> None:
    (line,) = (
        line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{one.name}` |")
    )
    assert one.extra == "all" or f"`{one.extra}` |" in line
    assert one.is_pickle == ("--allow-unsafe" in line)
