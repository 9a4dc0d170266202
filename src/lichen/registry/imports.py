"""Models from elsewhere: a folder that another Lichen exported, or files of a foreign model.

What loads the files and reads their signature stands above this room: a foreign model arrives here
checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lichen.core.errors import Corrupt
from lichen.core.ids import JobId
from lichen.core.tensors import Signature
from lichen.registry.bundle import CARD_FILE, read_manifest, verify_contents
from lichen.registry.catalog import Catalog, Extra
from lichen.registry.manifest import Draft, Manifest, Provenance


@dataclass(frozen=True, slots=True)
class ForeignModel:
    """A model that was not made here.

    `origin` says where it came from, `task` what it is for, `parameters` (JSON) more about it.
    """

    name: str
    signature: Signature
    files: Mapping[str, bytes]
    origin: str
    algorithm: str = "foreign"
    task: str = "inference"
    parameters: Mapping[str, object] = field(default_factory=dict)
    provenance: Provenance | None = None


def import_exported(
    catalog: Catalog,
    contents: Mapping[str, bytes],
    name: str | None = None,
    job_id: JobId | None = None,
    extra: Extra = (),
    source: str | None = None,
) -> Manifest:
    """Register the files of an exported version, under its own name or another.

    It gets the next number here, keeps its figures, and says where it came from. Its card is made
    anew.

    Raises:
        InvalidInput: there is no readable manifest among the files.
        Corrupt: a file is missing, or is not what the manifest says.
    """
    manifest = read_manifest(contents)
    broken = [found for found in verify_contents(contents) if found.file != CARD_FILE]
    if broken:
        named = "; ".join(f"{found.file} {found.problem}" for found in broken)
        raise Corrupt(f"the export of {manifest.reference} is damaged, export it again: {named}")
    draft = Draft(
        model=name or manifest.model,
        task=manifest.task,
        algorithm=manifest.algorithm,
        signature=manifest.signature,
        code_version=manifest.code_version,
        metrics=manifest.metrics,
        dataset=manifest.dataset,
        parameters=manifest.parameters,
        receipt=manifest.receipt,
        hardware=manifest.hardware,
        origin=f"exported from {manifest.reference}"
        + (f", pulled from {source}" if source else ""),
        job_id=job_id,
        provenance=manifest.provenance,
    )
    files = {file.name: contents[file.name] for file in manifest.files}
    return catalog.register(draft, files, extra)


def import_foreign(
    catalog: Catalog,
    model: ForeignModel,
    code_version: str,
    job_id: JobId | None = None,
    extra: Extra = (),
) -> Manifest:
    """Register a foreign model whose files were loaded, run and found to have this signature."""
    draft = Draft(
        model=model.name,
        task=model.task,
        algorithm=model.algorithm,
        signature=model.signature,
        code_version=code_version,
        parameters=model.parameters,
        origin=model.origin,
        job_id=job_id,
        provenance=model.provenance,
    )
    return catalog.register(draft, model.files, extra)
