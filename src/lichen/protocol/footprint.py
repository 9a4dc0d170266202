"""Joules and grams as the `Lichen-Receipt` header and trailer: an RFC 9651 dictionary."""

import re
from functools import lru_cache

from lichen.core.errors import InvalidInput
from lichen.core.figures import CarbonFigure, EnergyFigure, Method, Receipt
from lichen.core.units import Nanograms, Nanojoules

RECEIPT_HEADER = "Lichen-Receipt"

_MEMBER = re.compile(
    r"(?P<key>[a-z*][a-z0-9_.*-]*)="
    r'(?:"(?P<text>(?:[ !#-\[\]-~]|\\["\\])*)"|@(?P<date>-?\d{1,15})|(?P<bare>[^,\s"@]+))'
    r"(?:[ \t]*,[ \t]*|$)"
)
_STRING = re.compile(r"[ -~]*")


@lru_cache(maxsize=1024)
def receipt_template(method: Method, zone: str | None, variant: str | None) -> str:
    """A %-template of the header for integers: `nj` thrice, `ngco2e` thrice if zoned, then `at`.

    Receipts differ in their integers only, so the words are put together once.
    """
    members = ["nj=%d, nj-low=%d, nj-high=%d"]
    if zone is not None:
        members.append("ngco2e=%d, ngco2e-low=%d, ngco2e-high=%d")
    members.append(f"method={method.value}")
    if zone is not None:
        members.append(f"zone={_quoted(zone)}")
    members.append("at=@%d")
    if variant is not None:
        members.append(f"variant={_quoted(variant)}")
    return ", ".join(members)


def receipt_header(receipt: Receipt) -> str:
    """The value of the header."""
    energy, carbon = receipt.energy, receipt.carbon
    template = receipt_template(energy.method, carbon.zone if carbon else None, receipt.variant)
    grams = (carbon.ng, carbon.ng_low, carbon.ng_high) if carbon else ()
    return template % (energy.nj, energy.nj_low, energy.nj_high, *grams, receipt.at)


def parse_receipt(text: str) -> Receipt:
    """The receipt in a header's value; keys that are not known are passed over.

    Raises:
        InvalidInput: it is no such dictionary, or lacks a figure.
    """
    members = _members(text)
    try:
        energy = EnergyFigure(
            Nanojoules(int(members["nj"])),
            Nanojoules(int(members["nj-low"])),
            Nanojoules(int(members["nj-high"])),
            Method(members["method"]),
            "receipt",
        )
        return Receipt(energy, _carbon(members), int(members["at"]), members.get("variant"))
    except (KeyError, ValueError) as error:
        raise InvalidInput(f"receipt {text!r} lacks or misspells {error}") from error


def _carbon(members: dict[str, str]) -> CarbonFigure | None:
    if "ngco2e" not in members:
        return None
    return CarbonFigure(
        Nanograms(int(members["ngco2e"])),
        Nanograms(int(members["ngco2e-low"])),
        Nanograms(int(members["ngco2e-high"])),
        members["zone"],
        "receipt",
    )


def _members(text: str) -> dict[str, str]:
    members: dict[str, str] = {}
    position = 0
    while position < len(text):
        found = _MEMBER.match(text, position)
        if found is None:
            raise InvalidInput(f"receipt {text!r} is no dictionary at character {position}")
        words = found.groupdict()
        quoted = words["text"]
        members[found["key"]] = (
            re.sub(r"\\(.)", r"\1", quoted)
            if quoted is not None
            else words["date"] or words["bare"]
        )
        position = found.end()
    return members


def _quoted(text: str) -> str:
    """An RFC 9651 string, with % doubled for the template."""
    if not _STRING.fullmatch(text):
        text = text.encode("ascii", "replace").decode()
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'
