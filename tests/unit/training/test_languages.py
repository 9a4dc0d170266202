import pytest

from lichen.core.errors import InvalidInput
from lichen.training.languages import language_of


@pytest.mark.parametrize(
    ("texts", "language"),
    [
        (["The water smells."], "en"),
        (["Das Wasser riecht übel.", "L'eau sent mauvais."], "en"),
        (["自来水有味道", "PM2.5 超标"], "zh"),
        (["Вода пахнет"], "en"),
        (["12345", "!?"], "en"),
    ],
)
def test_the_language_is_seen_in_the_letters(texts: list[str], language: str) -> None:
    assert language_of(texts, "auto") == language


def test_what_is_asked_for_is_taken() -> None:
    assert language_of(["The water smells."], "zh") == "zh"


def test_a_language_that_is_not_known_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'tlh' is not known: give en"):
        language_of(["nuqneH"], "tlh")


def test_words_that_nothing_parts_are_refused_with_a_way_out() -> None:
    with pytest.raises(InvalidInput, match=r"look like Japanese.*language zh or en"):
        language_of(["水道の水がくさいです"], "auto")
