"""Names and references are checked where they enter."""

import pytest

from lichen.core.errors import InvalidInput
from lichen.core.ids import ModelReference, checked_name, digest_of


@pytest.mark.parametrize("name", ["vic", "a.b-c_1", "A" * 64])
def test_usable_names_pass_unchanged(name: str) -> None:
    assert checked_name(name, "dataset") == name


@pytest.mark.parametrize("name", ["", "-a", "../x", "a/b", "a b", "A" * 65, "é"])
def test_unusable_names_are_refused_with_the_rule(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"dataset name .* is not usable: take 1 to 64"):
        checked_name(name, "dataset")


@pytest.mark.parametrize(
    ("text", "name", "which", "version"),
    [("m@3", "m", "3", 3), ("m@champion", "m", "champion", None), ("m", "m", "latest", None)],
)
def test_model_references_are_read(text: str, name: str, which: str, version: int | None) -> None:
    reference = ModelReference.parse(text)
    assert (reference.name, reference.which, reference.version) == (name, which, version)
    assert ModelReference.parse(str(reference)) == reference


@pytest.mark.parametrize("text", ["@3", "m@", "m@1@2", "m@a/b"])
def test_other_references_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        ModelReference.parse(text)


def test_digest_is_sha256_in_hexadecimal() -> None:
    assert digest_of(b"abc").startswith("ba7816bf8f01cfea")
