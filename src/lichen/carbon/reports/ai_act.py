"""Energy disclosure of a model by Regulation (EU) 2024/1689 (AI Act), Annex XI, section 1.

Point 2(d) asks for the computational resources of the training (operations, time), point 2(e) for
the known or estimated energy consumption of the model. They bind providers of general-purpose AI
models (Article 53(1)(a)); for any other model this is the same disclosure, made of free will.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction

from lichen.carbon.reports.activity import WORK, Activity
from lichen.carbon.reports.amounts import Amount
from lichen.carbon.reports.boundary import FINAL, ROUNDING
from lichen.carbon.reports.factors import energy_origin
from lichen.carbon.reports.figures import (
    ALL_ENDS,
    Figure,
    Line,
    Origin,
    Section,
    absent,
    counted,
    figure,
)
from lichen.carbon.reports.footprints import EMPTY, Footprint
from lichen.carbon.reports.model_facts import ModelFacts
from lichen.carbon.reports.training_compute import FORMULA, operations
from lichen.core.clock import rfc3339

TITLE = "Energy disclosure of a model (Regulation (EU) 2024/1689, Annex XI)"
NOTES = (
    "Annex XI, section 1, point 2, letters (d) and (e). It binds providers of general-purpose AI "
    "models (Article 53(1)(a)); of another model it is a voluntary disclosure in the same form.",
    "Energy is that of this platform's computers; the building's overhead (PUE) and the making of "
    "the hardware are in the carbon figure, not in the energy.",
    FINAL,
    ROUNDING,
)
_UNTRAINED = "the model was not trained here, or its training was not metered: ask its provider"
_SECONDS_PER_HOUR = 3600


def sections(activity: Activity, model: ModelFacts) -> tuple[Section, ...]:
    """The model, its computational resources, its energy."""
    return (
        Section("Model (point 1)", facts=tuple(_facts(model))),
        Section("Computational resources (point 2(d))", tuple(_compute(model)), _hardware(model)),
        Section("Energy consumption (point 2(e))", tuple(_energy(activity, model))),
    )


def _facts(model: ModelFacts) -> Iterator[tuple[str, str]]:
    yield "Model", model.reference
    yield "Made", f"{rfc3339(model.created_at)} by Lichen {model.code_version}"
    yield "Task", model.task
    yield "Architecture", model.algorithm
    yield "Number of parameters", "not known: the registry does not count them"
    if model.inputs:
        yield "Inputs", model.inputs
    if model.outputs:
        yield "Outputs", model.outputs
    yield "Training data", model.dataset or "not known: the version was imported"
    if model.origin:
        yield "Origin", model.origin


def _hardware(model: ModelFacts) -> tuple[tuple[str, str], ...]:
    return (("Hardware", model.hardware or "not known"),)


def _compute(model: ModelFacts) -> Iterator[Figure]:
    line = Line("training.flop", "Floating-point operations", "FLOP", FORMULA)
    if model.job_id is None:
        yield absent(line, _UNTRAINED)
    else:
        found = operations(model.algorithm, model.parameters)
        if found.flop is None:
            yield absent(line, found.says)
        else:
            origin = Origin("estimated", found.says, "none: a lower bound")
            yield Figure(line, origin, Fraction(found.flop), Fraction(found.flop), None)
    line = Line("training.time", "Training time", "h", "end of the job - start of its last attempt")
    if model.started_at is None or model.finished_at is None:
        yield absent(line, _UNTRAINED)
        return
    seconds = Fraction(round((model.finished_at - model.started_at).total_seconds() * 10**6), 10**6)
    yield counted(line, seconds / _SECONDS_PER_HOUR, f"job {model.job_id}, by the platform's clock")


def _energy(activity: Activity, model: ModelFacts) -> Iterator[Figure]:
    yield from _training(model)
    booked = _booked(activity, lambda name, _: name == model.job_id)
    line = Line("training.booked", "Energy of the training as booked", "kWh", "its job's accounts")
    if model.job_id is None or not booked.methods:
        yield absent(line, "the ledger holds no account of this model's training")
    else:
        yield figure(line, booked.energy, energy_origin(activity, booked))
    used = _booked(activity, lambda _, what: what == model.reference)
    line = Line("use.energy", "Energy of its answers so far", "kWh", "its accounts work/...")
    if not used.methods:
        yield absent(line, "the model has answered nothing on this platform so far")
        return
    yield figure(line, used.energy, energy_origin(activity, used))
    said = f"ledger as of entry {activity.extent.as_of}"
    yield counted(Line("use.requests", "Requests answered", "1", "count"), used.units, said)


def _training(model: ModelFacts) -> Iterator[Figure]:
    line = Line("training.energy", "Energy of the training", "kWh", "receipt of the training job")
    receipt = model.receipt
    if receipt is None:
        yield absent(line, _UNTRAINED)
        yield absent(Line("training.carbon", "Carbon of the training", "gCO2e", ""), _UNTRAINED)
        return
    energy = receipt.energy
    amount = Amount(energy.nj, energy.nj_low, energy.nj_high)
    yield figure(line, amount, Origin(energy.method, f"receipt of the version; {energy.source}"))
    line = Line("training.carbon", "Carbon of the training", "gCO2e", "E x I x PUE + M")
    carbon = receipt.carbon
    if carbon is None:
        yield absent(line, "no intensity was known for the zone when it was trained")
        return
    said = f"receipt of the version; zone {carbon.zone}: {carbon.source}"
    amount = Amount(carbon.ng, carbon.ng_low, carbon.ng_high)
    yield figure(line, amount, Origin(energy.method, said, ALL_ENDS))


def _booked(activity: Activity, is_wanted: Callable[[str, str], bool]) -> Footprint:
    """The sum of the accounts of work whose deployment or job, and model, are wanted."""
    booked = EMPTY
    for account, made in activity.work().items():
        name, what = (*account.removeprefix(WORK).split("/"), "", "", "")[1:3]
        if is_wanted(name, what):
            booked += made
    return booked
