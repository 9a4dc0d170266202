"""The model card: Markdown with Hugging Face front matter, made from the manifest alone.

`co2_eq_emissions` is as https://huggingface.co/docs/hub/model-cards-co2 defines it: `emissions` in
grams of CO2e, their `source`, the `training_type`, the `geographical_location`, the
`hardware_used`. What is not known is left out, never written as 0 (M5).
"""

import re
from collections.abc import Iterator, Sequence

from lichen.core.clock import rfc3339
from lichen.core.figures import CarbonFigure, EnergyFigure, Method, Receipt
from lichen.core.tensors import TensorSpec
from lichen.core.units import grams, readable
from lichen.registry.manifest import Manifest, Metric, Provenance
from lichen.registry.yaml import Value, to_yaml

_HUB_TASKS = {
    "forecast": "time-series-forecasting",
    "regression": "tabular-regression",
    "classification": "tabular-classification",
    "text-classification": "text-classification",
    "image-classification": "image-classification",
}
_ONNX = ".onnx"
_MOST_LISTED = 20
"""Classes that a sentence lists; the signature lists all."""
_WORD = re.compile(r"\w+")


def model_card(manifest: Manifest) -> str:
    """The README of a version; equal manifests give equal cards."""
    parts = (
        f"---\n{to_yaml(_front_matter(manifest))}---",
        f"# {manifest.reference}",
        _summary(manifest),
        f"## Signature\n\n{_signature(manifest)}",
        *_raw_columns(manifest),
        *_provenance(manifest.provenance),
        f"## Metrics\n\n{_metrics(manifest.metrics)}",
        f"## Energy and carbon of training\n\n{_footprint(manifest.receipt)}",
        f"## Limits\n\n{_limits(manifest)}",
        f"## Files\n\n{_files(manifest)}",
    )
    return "\n\n".join(parts) + "\n"


def _front_matter(manifest: Manifest) -> dict[str, Value]:
    task = _HUB_TASKS.get(manifest.task)
    matter: dict[str, Value] = {
        "library_name": "onnx" if _is_onnx(manifest) else "lichen",
        "tags": ["lichen", manifest.task, manifest.algorithm],
    }
    if task:
        matter["pipeline_tag"] = task
    if manifest.dataset:
        matter["datasets"] = [manifest.dataset.name]
    matter["metrics"] = sorted({_metric_type(metric) for metric in manifest.metrics})
    if manifest.receipt and manifest.receipt.carbon:
        matter["co2_eq_emissions"] = _emissions(manifest, manifest.receipt.carbon)
    if manifest.metrics:
        matter["model-index"] = [_model_index(manifest, task or manifest.task)]
    return matter


def _is_onnx(manifest: Manifest) -> bool:
    return any(file.name.endswith(_ONNX) for file in manifest.files)


def emissions_metadata(manifest: Manifest) -> str:
    """The YAML of `co2_eq_emissions` alone, as the card has it; empty where no carbon is known."""
    if manifest.receipt is None or manifest.receipt.carbon is None:
        return ""
    return to_yaml({"co2_eq_emissions": _emissions(manifest, manifest.receipt.carbon)})


def _emissions(manifest: Manifest, carbon: CarbonFigure) -> dict[str, Value]:
    receipt = manifest.receipt
    energy = f"; energy {_obtained(receipt.energy)}" if receipt else ""
    emissions: dict[str, Value] = {
        "emissions": grams(carbon.ng),
        "source": f"Lichen; carbon intensity from {carbon.source}{energy}",
        "training_type": "pre-training",
        "geographical_location": carbon.zone,
    }
    if manifest.hardware:
        emissions["hardware_used"] = manifest.hardware
    return emissions


def _model_index(manifest: Manifest, task: str) -> dict[str, Value]:
    name = manifest.dataset.name if manifest.dataset else "unknown"
    results: list[Value] = [
        {
            "task": {"type": task},
            "dataset": {"type": name, "name": name, "split": split},
            "metrics": [
                {"type": _metric_type(metric), "name": _title(metric), "value": metric.value}
                for metric in manifest.metrics
                if metric.split == split
            ],
        }
        for split in dict.fromkeys(metric.split for metric in manifest.metrics)
    ]
    return {"name": manifest.reference, "results": results}


def _metric_type(metric: Metric) -> str:
    """The metric's name in the form of the Hub's own: `MAPE` is `mape`."""
    return "_".join(_WORD.findall(metric.name.lower())) or metric.name


def _title(metric: Metric) -> str:
    return f"{metric.name} ({metric.unit})" if metric.unit else metric.name


def _summary(manifest: Manifest) -> str:
    return "\n".join(f"- {name}: {_cell(value)}" for name, value in _facts(manifest))


def _facts(manifest: Manifest) -> Iterator[tuple[str, str]]:
    yield "Task", manifest.task
    yield "Algorithm", manifest.algorithm
    if manifest.dataset:
        data = manifest.dataset
        yield "Data", f"{data.name}, version {data.version} (sha256 {data.digest})"
    yield "Made", f"{rfc3339(manifest.created_at)} by Lichen {manifest.code_version}"
    if manifest.job_id:
        yield "Job", manifest.job_id
    if manifest.origin:
        yield "Origin", manifest.origin
    for name, value in sorted(manifest.parameters.items()):
        if isinstance(value, str | int | float | bool):
            yield f"Parameter `{name}`", str(value)


def _signature(manifest: Manifest) -> str:
    rows = [
        *(_tensor_row("input", spec) for spec in manifest.signature.inputs),
        *(_tensor_row("output", spec) for spec in manifest.signature.outputs),
    ]
    return _table(("", "name", "datatype", "shape", "unit", "meaning"), rows)


def _tensor_row(side: str, spec: TensorSpec) -> tuple[str, ...]:
    side = f"{side}, optional" if spec.optional else side
    shape = " x ".join("any" if size < 0 else str(size) for size in spec.shape)
    is_listed = bool(spec.columns) and not spec.details
    columns = f"columns {', '.join(spec.columns)}" if is_listed else ""
    meaning = "; ".join(one for one in (spec.description, columns) if one)
    return side, spec.name, spec.datatype, shape, spec.unit or "", meaning


def _metrics(metrics: tuple[Metric, ...]) -> str:
    if not metrics:
        return "None was recorded."
    rows = [(metric.name, _valued(metric), metric.unit or "", metric.split) for metric in metrics]
    note = (
        "A skill is the share of the naive guard's error that the model saves; above 0 is better."
    )
    table = _table(("metric", "value", "unit", "on"), rows)
    return f"{table}\n\n{note}" if any("skill" in metric.name for metric in metrics) else table


def _valued(metric: Metric) -> str:
    """The value, and its 95 % interval where one was computed."""
    if metric.low is None or metric.high is None:
        return f"{metric.value:.6g}"
    return f"{metric.value:.6g} ({metric.low:.4g} to {metric.high:.4g})"


def _raw_columns(manifest: Manifest) -> Iterator[str]:
    """What a raw row holds, where the model takes such."""
    rows = [
        (name, one.kind, one.unit or "", "yes" if one.may_lack else "")
        for spec in manifest.signature.inputs
        for name, one in zip(spec.columns, spec.details, strict=False)
    ]
    if rows:
        yield f"## Columns of a row\n\n{_table(('column', 'holds', 'unit', 'may lack'), rows)}"


def _provenance(found: Provenance | None) -> Iterator[str]:
    """Where an imported model came from, and how faithful it is."""
    if found is None:
        return
    rows = [
        ("came as", f"{found.format}, {found.source}"),
        ("sha256", found.sha256),
        ("scanned", found.scan or "not"),
        ("made or read by", found.library),
    ]
    if found.opset is not None:
        rows.append(("ONNX opset", str(found.opset)))
    if found.inputs:
        said = (
            f"On {found.inputs:,} made-up inputs it answers as {found.library} does, to within "
            f"{found.largest_difference:.1e} of the largest answer ({found.tolerance:.0e} is the "
            "most that was allowed)."
        )
    else:
        said = "What made it was not asked for answers to compare with."
    notes = "".join(f"\n- {note}" for note in found.notes)
    yield f"## Where it came from\n\n{_table(('', ''), rows)}\n\n{said}" + (
        f"\n{notes}" if notes else ""
    )


def _footprint(receipt: Receipt | None) -> str:
    if receipt is None:
        return "Not known: the model was not trained here, or its training was not metered."
    energy, carbon = receipt.energy, receipt.carbon
    rows = [("energy", *_interval(energy.nj, energy.nj_low, energy.nj_high, "J"))]
    if carbon:
        rows.append(("carbon", *_interval(carbon.ng, carbon.ng_low, carbon.ng_high, "gCO2e")))
    table = _table(("", "figure", "90 % interval"), rows)
    said = f"Energy was {_obtained(energy)}."
    if carbon is None:
        return f"{table}\n\n{said} Carbon is not known: no intensity is known for the zone."
    return f"{table}\n\n{said} Carbon uses the intensity of zone {carbon.zone}: {carbon.source}."


def _interval(figure: int, low: int, high: int, symbol: str) -> tuple[str, str]:
    return readable(figure, symbol), f"{readable(low, symbol)} to {readable(high, symbol)}"


def _obtained(energy: EnergyFigure) -> str:
    return f"{energy.method} ({energy.source})"


def _limits(manifest: Manifest) -> str:
    return "\n".join(f"- {limit}" for limit in _limit_lines(manifest))


def _limit_lines(manifest: Manifest) -> Iterator[str]:
    if manifest.dataset:
        yield (
            f"Fitted on {manifest.dataset.name} version {manifest.dataset.version} alone: its "
            "figures say nothing about other sites, units or periods."
        )
    elif "history_sha256" in manifest.parameters:
        yield "Fitted on its zone's kept history alone, of which `history_sha256` is the digest."
    else:
        yield "The data it was fitted on is not known: test it on your own before relying on it."
    if manifest.task == "forecast":
        yield "A forecast assumes that the newest rows are like the past; watch it after a change."
    yield from _limits_of_answers(manifest)
    if manifest.receipt and manifest.receipt.energy.method is not Method.MEASURED:
        yield "Its energy is a model's estimate, not a counter's reading: mind the interval."
    yield "Inputs outside the signature are refused; inputs outside the training range are not."


def _limits_of_answers(manifest: Manifest) -> Iterator[str]:
    """What its answers can be trusted for, by what they are."""
    answers = {spec.name for spec in manifest.signature.outputs}
    alike = "for rows like those it was calibrated on: watch how often that holds"
    if "probability" in answers:
        labels = next(s.columns for s in manifest.signature.outputs if s.name == "probability")
        yield f"It answers one of {_listed(labels)}, whatever a row is of."
    if "in_set" in answers:
        yield f"`in_set` holds the true class as often as was asked {alike}."
    if {"low", "high"} <= answers:
        yield f"The truth lies between `low` and `high` as often as was asked {alike}."
    if "anomaly" in answers:
        yield f"It raises as many false alarms as was asked {alike}."
    if any(spec.details for spec in manifest.signature.inputs):
        yield (
            "What a row lacks is filled in, and a text value that its data did not have is taken "
            "as other: the more of either, the less its figures hold."
        )


def _listed(labels: Sequence[str]) -> str:
    more = len(labels) - _MOST_LISTED
    return ", ".join(labels[:_MOST_LISTED]) + (f" and {more} more classes" if more > 0 else "")


def _files(manifest: Manifest) -> str:
    rows = [(file.name, f"{file.size:,}", file.sha256) for file in manifest.files]
    return _table(("file", "bytes", "sha256"), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    """Text that stays in its cell and in its line."""
    return " ".join(text.split()).replace("|", "\\|")
