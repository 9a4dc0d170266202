"""Which forms a version is exported in, and who writes each: loaded when it is asked for."""

from collections.abc import Mapping

from lichen.core.errors import InvalidInput
from lichen.core.plugins import load_object
from lichen.protocol.exports import EXPORT_FORMATS, LICHEN, MLFLOW, OCI, ONNX
from lichen.registry.manifest import Manifest

Files = Mapping[str, bytes]
"""By path, with `/`."""

_WRITERS = {
    ONNX: "lichen.registry.exporting.onnx:as_onnx",
    OCI: "lichen.registry.exporting.modelpack:as_layout",
    MLFLOW: "lichen.registry.exporting.mlflow_folder:as_folder",
}
"""Each a function of the manifest and of all files of an exported version, answering Files."""


def exported(form: str, manifest: Manifest, contents: Files) -> Files:
    """A version in a form.

    Args:
        form: one of `EXPORT_FORMATS`.
        manifest: which version.
        contents: its files, its manifest and its card, as the catalog gives them.

    Raises:
        InvalidInput: there is no such form, or the version cannot be had in it.
    """
    if form not in EXPORT_FORMATS:
        raise InvalidInput(
            f"there is no format {form[:40]!r} to export to: take one of "
            f"{', '.join(EXPORT_FORMATS)}"
        )
    if form == LICHEN:
        return contents
    files: Files = load_object(_WRITERS[form])(manifest, contents)
    return files
