"""A version as ONNX for any runtime: one graph where that can be, and what it takes said beside."""

from collections.abc import Mapping

from lichen.core.errors import InvalidInput
from lichen.core.tensors import TensorSpec
from lichen.pipeline.files import PIPELINE_FILE, read_pipeline
from lichen.registry.bundle import CARD_FILE
from lichen.registry.exporting.folding import folded
from lichen.registry.manifest import MANIFEST_FILE, Manifest

MODEL_FILE, INPUTS_FILE = "model.onnx", "INPUTS.md"


def as_onnx(manifest: Manifest, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """`model.onnx`, the model's card, and `INPUTS.md`, which says what it takes and answers.

    A pipeline becomes one graph where its encoders can be written as nodes. Else its core is
    exported with the files that say what stands around it.

    Raises:
        InvalidInput: the version holds no ONNX.
    """
    if MODEL_FILE not in contents:
        kept = ", ".join(file.name for file in manifest.files)
        raise InvalidInput(
            f"{manifest.reference} is kept as {kept}, not as ONNX: export it as `lichen` or `oci`"
        )
    if PIPELINE_FILE not in contents:
        files = {name: contents[name] for name in (MODEL_FILE, CARD_FILE)}
        return {**files, INPUTS_FILE: _said(manifest, _PLAIN)}
    pipeline, _ = read_pipeline(contents)
    try:
        whole = folded(pipeline, contents[MODEL_FILE])
    except InvalidInput as why:
        core = {name: body for name, body in contents.items() if name != MANIFEST_FILE}
        return {**core, INPUTS_FILE: _said(manifest, _CORE.format(why=why))}
    files = {MODEL_FILE: whole, CARD_FILE: contents[CARD_FILE]}
    return {**files, INPUTS_FILE: _said(manifest, _WHOLE)}


_PLAIN = "`model.onnx` is the model as it is served."
_WHOLE = (
    "`model.onnx` is the whole model: raw columns in, answers out, with what encodes and decodes "
    "them as nodes. It cannot refuse a row as the platform does: infinite numbers, and gaps in "
    "columns that may lack nothing, give answers that mean nothing."
)
_CORE = (
    "`model.onnx` is the core alone, since {why}, which is no node of ONNX: it takes features, not "
    "raw columns. `pipeline.json` says how those are made of the columns below, and what becomes "
    "of what the core answers; its fields are explained in Lichen's reference of pipelines."
)


def _said(manifest: Manifest, form: str) -> bytes:
    signature = manifest.signature
    parts = [
        f"# {manifest.reference} as ONNX\n\n{form}\n",
        *(_tensor("takes", spec) for spec in signature.inputs),
        *(_tensor("answers", spec) for spec in signature.outputs),
    ]
    return "\n".join(parts).encode()


def _tensor(verb: str, spec: TensorSpec) -> str:
    shape = ", ".join("rows" if size < 0 else str(size) for size in spec.shape)
    unit = f" in {spec.unit}" if spec.unit else ""
    meaning = f": {spec.description}" if spec.description else ""
    lines = [f"- {verb} `{spec.name}`, {spec.datatype.value} `({shape})`{unit}{meaning}"]
    for place, name in enumerate(spec.columns):
        detail = spec.details[place] if place < len(spec.details) else None
        kind = f", {detail.kind.value}" if detail else ""
        lack = ", may lack" if detail and detail.may_lack else ""
        of = f", {detail.unit}" if detail and detail.unit else ""
        lines.append(f"  - column {place}: `{name}`{kind}{of}{lack}")
    return "\n".join(lines)
