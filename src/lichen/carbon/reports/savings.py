"""Counterfactual savings: what was not emitted against a stated baseline; never in a total."""

from dataclasses import dataclass

from lichen.carbon.reports.amounts import Amount
from lichen.carbon.reports.figures import ALL_ENDS, Figure, Line, Origin, Section, absent, figure

_TITLE = "Counterfactual savings"
_NOTES = (
    "A saving compares with what did not happen. It is computed by the same method as the figures "
    "above, it is booked nowhere, and no total of this report contains it.",
)


@dataclass(frozen=True, slots=True)
class Saving:
    """One lever's saving over the span: `baseline` says what would have happened without it.

    Without figures, `absent` says why they cannot be known (M5).
    """

    name: str
    label: str
    baseline: str
    energy: Amount | None
    carbon: Amount | None
    method: str
    provenance: str
    absent: str = ""


def savings_section(savings: tuple[Saving, ...]) -> Section:
    """The savings beside the report, or why there are none."""
    if not savings:
        line = Line("savings", "Savings", "gCO2e", "baseline - what happened")
        return Section(_TITLE, (absent(line, "no lever recorded a saving in this span"),))
    figures = []
    for one in savings:
        formula = f"baseline ({one.baseline}) - what happened"
        origin = Origin(one.method, one.provenance, ALL_ENDS)
        energy = Line(f"savings.{one.name}.energy", f"{one.label}: energy", "kWh", formula)
        carbon = Line(f"savings.{one.name}.carbon", f"{one.label}: carbon", "gCO2e", formula)
        figures += [_told(energy, one.energy, origin, one), _told(carbon, one.carbon, origin, one)]
    return Section(_TITLE, tuple(figures), notes=_NOTES)


def _told(line: Line, amount: Amount | None, origin: Origin, saving: Saving) -> Figure:
    return absent(line, saving.absent) if amount is None else figure(line, amount, origin)
