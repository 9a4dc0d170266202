"""The reference page of all settings, made from the settings themselves.

python -m lichen.server.settings_page docs/reference/settings.md
"""

import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from lichen.server.settings import SETTINGS_FILE, Documented, documented

_INTRODUCTION = f"""# Settings

Read in this order, later ones winning: the defaults, `{SETTINGS_FILE}` in the home, `LICHEN_*`
environment variables, flags of `lichen up`. An unknown key is refused by its name. In
`{SETTINGS_FILE}` a setting stands under its section:

```toml
[carbon]
zone = "DE"
```

This page is generated: `python -m lichen.server.settings_page docs/reference/settings.md`.
"""


def page() -> str:
    """The whole page, Markdown."""
    parts = [_INTRODUCTION]
    for section, settings in groupby(documented(), lambda one: one.section):
        title = f"`[{section}]`" if section else "Places"
        parts.append(f"\n## {title}\n\n| setting | variable | default | |\n|---|---|---|---|\n")
        parts += [_row(one) for one in settings]
    return "".join(parts)


def _row(one: Documented) -> str:
    choices = (
        f" One of {', '.join(f'`{choice}`' for choice in one.choices)}." if one.choices else ""
    )
    default = one.default if one.default in ("unset", "(computed)") else f"`{one.default}`"
    kind = f" ({one.kind})" if one.kind in ("int", "float") else ""
    return f"| `{one.name}` | `{one.variable}` | {default} | {one.says}{choices}{kind} |\n"


def main(arguments: Sequence[str]) -> int:
    """Write the page to the path given."""
    Path(arguments[0]).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
