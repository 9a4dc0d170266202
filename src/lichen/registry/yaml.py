"""YAML for front matter: block mappings and lists, every string double-quoted.

Quoting each string leaves no room for YAML's guesses (`no`, `1e3`, `2026-01-01`, `: `).
"""

from collections.abc import Iterator, Mapping, Sequence

Value = str | int | float | Mapping[str, "Value"] | Sequence["Value"]
"""What can be written; keys are plain words of ours."""


def to_yaml(value: Mapping[str, Value]) -> str:
    """A document in block style, ending with a line break; empty collections are left out."""
    return "".join(f"{line}\n" for line in _mapping(value))


def _mapping(value: Mapping[str, Value]) -> Iterator[str]:
    for key, item in value.items():
        if isinstance(item, (str, int, float)):
            yield f"{key}: {_scalar(item)}"
        elif item:
            yield f"{key}:"
            nested = _mapping(item) if isinstance(item, Mapping) else _list(item)
            yield from (f"  {line}" for line in nested)


def _list(value: Sequence[Value]) -> Iterator[str]:
    for item in value:
        if isinstance(item, (str, int, float)):
            yield f"- {_scalar(item)}"
        else:
            nested = _mapping(item) if isinstance(item, Mapping) else _list(item)
            yield from (f"{'  ' if row else '- '}{line}" for row, line in enumerate(nested))


def _scalar(value: str | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{"".join(map(_escaped, value))}"'
    text = repr(value)
    # YAML 1.1 takes 1e-05 for a string: it wants a point in front of the exponent.
    return text.replace("e", ".0e") if "e" in text and "." not in text else text


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\U{code:08X}" if code > 0xFFFF else f"\\u{code:04X}"
