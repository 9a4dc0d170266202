"""The words of a model of gensim, which knows them by their numbers."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from lichen.core.errors import InvalidInput
from lichen.frameworks.language.word_front import parted_words


def words_of(model: Any, beside: Mapping[int, str] | None, size: int) -> list[str]:  # noqa: ANN401 - gensim's own
    """The words of a model in the order of their numbers.

    Raises:
        InvalidInput: it keeps none, and no dictionary lies beside it.
    """
    own = getattr(model, "id2word", None)
    named = own if own is not None and hasattr(own, "keys") and len(own) else beside
    found = {} if named is None else {int(at): named[at] for at in named}
    missing = next((at for at in range(size) if not isinstance(found.get(at), str)), None)
    if missing is not None:
        raise InvalidInput(
            f"the model knows its {size:,} words by numbers, and nothing says which word {missing} "
            "is: save its Dictionary into the same folder (dictionary.save) and import that"
        )
    return [found[at] for at in range(size)]


def bag_of(text: str, places: Mapping[str, int]) -> list[tuple[int, int]]:
    """The words of a text that are known: number and count, as `Dictionary.doc2bow` gives them."""
    found = Counter(places[one] for one in parted_words(text) if one in places)
    return sorted(found.items())
