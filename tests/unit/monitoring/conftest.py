"""Reads an exposition back, as Prometheus does."""

import re
from collections.abc import Callable
from decimal import Decimal

import pytest

LINE = re.compile(r"^(?P<name>[a-z_]+)\{(?P<labels>.*)\} (?P<value>[0-9.]+)$")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
Read = dict[tuple[str, frozenset[tuple[str, str]]], Decimal]


def read(text: bytes) -> Read:
    found: Read = {}
    for line in text.decode().splitlines():
        if line.startswith("#"):
            continue
        matched = LINE.match(line)
        assert matched is not None, line
        key = (matched["name"], frozenset(LABEL.findall(matched["labels"])))
        assert key not in found, f"told twice: {line}"
        found[key] = Decimal(matched["value"])
    return found


@pytest.fixture
def exposed() -> Callable[[bytes], Read]:
    """The samples of an exposition, by name and labels; nothing may be told twice."""
    return read
