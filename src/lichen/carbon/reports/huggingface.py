"""Hugging Face `co2_eq_emissions`: the carbon of a model's training as model-card metadata.

https://huggingface.co/docs/hub/model-cards-co2: `emissions` in grams of CO2e, `source`,
`training_type`, `geographical_location`, `hardware_used`.
"""

from lichen.carbon.reports.amounts import Amount
from lichen.carbon.reports.figures import ALL_ENDS, Figure, Line, Origin, Section, absent, figure
from lichen.carbon.reports.model_facts import ModelFacts

TITLE = "Carbon emissions of a model (Hugging Face co2_eq_emissions)"
NOTES = (
    "The metadata go at the head of the model's README.md; `lichen models card` writes them there.",
)
_LINE = Line("emissions", "Emissions of the training", "gCO2e", "E x I x PUE + M")


def sections(model: ModelFacts) -> tuple[Section, ...]:
    """The metadata, and the figure that they hold with its interval."""
    emissions = _emissions(model)
    facts = [("Model", model.reference), ("Training type", "pre-training")]
    receipt = model.receipt
    if receipt is not None and receipt.carbon is not None:
        facts.append(("Geographical location", receipt.carbon.zone))
    facts.append(("Hardware used", model.hardware or "not known"))
    return (
        Section("Emissions", (emissions,), tuple(facts)),
        Section("Metadata", text=model.metadata),
    )


def _emissions(model: ModelFacts) -> Figure:
    receipt = model.receipt
    if receipt is None:
        return absent(_LINE, "the model was not trained here, or its training was not metered")
    carbon = receipt.carbon
    if carbon is None:
        return absent(_LINE, "no intensity was known for the zone when it was trained")
    said = f"receipt of the version; zone {carbon.zone}: {carbon.source}"
    amount = Amount(carbon.ng, carbon.ng_low, carbon.ng_high)
    return figure(_LINE, amount, Origin(receipt.energy.method, said, ALL_ENDS))
