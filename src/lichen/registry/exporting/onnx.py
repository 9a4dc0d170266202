"""A version as ONNX for any runtime: one graph where that can be, and what it takes said beside."""

from collections.abc import Mapping

from lichen.core.errors import InvalidInput
from lichen.registry.bundle import CARD_FILE
from lichen.registry.manifest import MANIFEST_FILE, Manifest

MODEL_FILE, PIPELINE_FILE = "model.onnx", "pipeline.json"


def as_onnx(manifest: Manifest, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """`model.onnx` with the model's card, and its preprocessing beside where it has some.

    Raises:
        InvalidInput: the version holds no ONNX.
    """
    if MODEL_FILE not in contents:
        kept = ", ".join(file.name for file in manifest.files)
        raise InvalidInput(
            f"{manifest.reference} is kept as {kept}, not as ONNX: export it as `lichen` or `oci`"
        )
    if PIPELINE_FILE not in contents:
        return {name: contents[name] for name in (MODEL_FILE, CARD_FILE)}
    return {name: body for name, body in contents.items() if name != MANIFEST_FILE}
