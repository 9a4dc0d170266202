"""What language texts are in, as far as parting them into words goes."""

from collections import Counter
from collections.abc import Sequence
from unicodedata import name

from lichen.core.errors import InvalidInput
from lichen.pipeline.terms import CHINESE, ENGLISH
from lichen.protocol.training import AUTO

MOST_TEXTS = 500
MOST_CHARACTERS = 400
"""Of each text that is looked at."""

CHINESE_SHARE = 0.2
"""Chinese words are shorter than English ones, and texts in it name products in Latin letters."""

_WITHOUT_SPACES = {"HIRAGANA": "Japanese", "KATAKANA": "Japanese", "THAI": "Thai", "LAO": "Lao"}
"""Scripts whose words no space parts, and that nothing here parts."""


def language_of(texts: Sequence[str], asked: str) -> str:
    """The language to part texts into words by.

    Every language whose words are parted by spaces goes as English does.

    Args:
        texts: at least one.
        asked: `en`, `zh`, or `auto` to look at the texts.

    Raises:
        InvalidInput: it is none of these, or the texts are in a language that cannot be parted.
    """
    if asked in (CHINESE, ENGLISH):
        return asked
    if asked != AUTO:
        raise InvalidInput(
            f"the language {asked!r} is not known: give en (for every language whose words are "
            "parted by spaces), zh, or auto"
        )
    scripts = _scripts(texts)
    letters = sum(scripts.values())
    for script, language in _WITHOUT_SPACES.items():
        if scripts[script] > CHINESE_SHARE * letters:
            raise InvalidInput(
                f"the texts look like {language}, whose words are not parted by spaces: give "
                "language zh or en to go on all the same, by characters"
            )
    return CHINESE if scripts["CJK"] > CHINESE_SHARE * letters else ENGLISH


def _scripts(texts: Sequence[str]) -> Counter[str]:
    """How many letters there are of each script, which is the first word of their names."""
    step = max(1, len(texts) // MOST_TEXTS)
    signs = Counter("".join(text[:MOST_CHARACTERS] for text in texts[::step]))
    found: Counter[str] = Counter()
    for sign, count in signs.items():
        if sign.isalpha():
            found[name(sign, "OTHER").partition(" ")[0]] += count
    return found
