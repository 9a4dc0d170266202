"""The receipt as a header: exactly as documented, and readable again."""

import pytest

from lichen.core.errors import InvalidInput
from lichen.core.figures import CarbonFigure, EnergyFigure, Method, Receipt
from lichen.core.units import Nanograms, Nanojoules
from lichen.protocol.footprint import parse_receipt, receipt_header

ENERGY = EnergyFigure(
    Nanojoules(2130400), Nanojoules(900100), Nanojoules(3100200), Method.MODELLED, "receipt"
)
CARBON = CarbonFigure(Nanograms(410), Nanograms(170), Nanograms(700), "DE", "receipt")


def test_the_header_is_the_documented_one() -> None:
    assert receipt_header(Receipt(ENERGY, CARBON, 1790000000, "int8")) == (
        "nj=2130400, nj-low=900100, nj-high=3100200, ngco2e=410, ngco2e-low=170, "
        'ngco2e-high=700, method=modelled, zone="DE", at=@1790000000, variant="int8"'
    )


def test_carbon_that_is_not_known_is_absent() -> None:
    assert receipt_header(Receipt(ENERGY, None, 0)) == (
        "nj=2130400, nj-low=900100, nj-high=3100200, method=modelled, at=@0"
    )


@pytest.mark.parametrize("variant", [None, "fp32", 'a "quoted" \\ one', "50%", "é"])
@pytest.mark.parametrize("carbon", [None, CARBON])
def test_a_receipt_reads_back(variant: str | None, carbon: CarbonFigure | None) -> None:
    receipt = Receipt(ENERGY, carbon, 1790000000, variant)
    back = parse_receipt(receipt_header(receipt))
    assert back.variant == (variant and variant.replace("é", "?"))
    assert (back.energy, back.carbon, back.at) == (receipt.energy, receipt.carbon, receipt.at)


def test_unknown_members_are_passed_over() -> None:
    text = receipt_header(Receipt(ENERGY, CARBON, 5, "int8")) + ', new="thing",other=1.5'
    assert parse_receipt(text) == Receipt(ENERGY, CARBON, 5, "int8")


@pytest.mark.parametrize(
    "text", ["", "nj", "nj=1", "nj=x, nj-low=1, nj-high=2, method=modelled, at=@1", "=, =", "nj=1,"]
)
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="receipt"):
        parse_receipt(text)
