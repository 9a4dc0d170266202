"""A version as an artifact of a registry: ModelPack's manifest, in an OCI image layout.

https://github.com/modelpack/model-spec and
https://github.com/opencontainers/image-spec/blob/main/image-layout.md. Every file is a layer of its
own as it is (`raw`), so that equal files are one blob wherever they lie; nothing of the time or
machine of the export goes in.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath

import msgspec

from lichen.core.clock import rfc3339
from lichen.core.ids import digest_of
from lichen.protocol.modelpack import (
    ARTIFACT_TYPE,
    CONFIG_TYPE,
    CREATED,
    FILE_PATH,
    INDEX_TYPE,
    LAYER_PREFIX,
    MANIFEST_TYPE,
    REFERENCE_NAME,
    TITLE,
    ArtifactManifest,
    Descriptor,
    ModelConfig,
    ModelDescriptor,
    ModelFiles,
    ModelTraits,
)
from lichen.registry.bundle import CARD_FILE
from lichen.registry.manifest import Manifest

BLOBS = "blobs/sha256/"
_KINDS = {".json": "weight.config", ".txt": "weight.config", ".md": "doc", ".py": "code"}
_FORMS = {".onnx": "onnx", ".safetensors": "safetensors", ".xml": "openvino"}
_VERSION = "1.0.0"


def as_layout(manifest: Manifest, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of an image layout, with one artifact in it, tagged by the version's number."""
    names = sorted(contents, key=lambda name: (name == CARD_FILE, name))
    layers = [_layer(name, contents[name]) for name in names]
    config = _encoded(_config(manifest, layers))
    artifact = ArtifactManifest(
        schema_version=2,
        media_type=MANIFEST_TYPE,
        artifact_type=ARTIFACT_TYPE,
        config=_descriptor(CONFIG_TYPE, config),
        layers=layers,
        annotations={CREATED: rfc3339(manifest.created_at), TITLE: manifest.reference},
    )
    body = _encoded(artifact)
    listed = Descriptor(
        media_type=MANIFEST_TYPE,
        digest=f"sha256:{digest_of(body)}",
        size=len(body),
        artifact_type=ARTIFACT_TYPE,
        annotations={REFERENCE_NAME: str(manifest.version)},
    )
    index = ArtifactManifest(schema_version=2, media_type=INDEX_TYPE, manifests=[listed])
    blobs = [*contents.values(), config, body]
    return {
        "oci-layout": msgspec.json.encode({"imageLayoutVersion": _VERSION}),
        "index.json": _encoded(index),
        **{f"{BLOBS}{digest_of(blob)}": blob for blob in blobs},
    }


def _layer(name: str, content: bytes) -> Descriptor:
    kind = _KINDS.get(PurePosixPath(name).suffix, "weight")
    return _descriptor(f"{LAYER_PREFIX}{kind}.v1.raw", content, {FILE_PATH: name, TITLE: name})


def _descriptor(
    media_type: str, content: bytes, annotations: Mapping[str, str] | None = None
) -> Descriptor:
    return Descriptor(
        media_type=media_type,
        digest=f"sha256:{digest_of(content)}",
        size=len(content),
        annotations=dict(annotations or {}),
    )


def _config(manifest: Manifest, layers: list[Descriptor]) -> ModelConfig:
    suffixes = [PurePosixPath(file.name).suffix for file in manifest.files]
    form = next((_FORMS[one] for one in suffixes if one in _FORMS), None)
    return ModelConfig(
        descriptor=ModelDescriptor(
            created_at=rfc3339(manifest.created_at),
            name=manifest.model,
            version=str(manifest.version),
            title=manifest.reference,
            description=f"{manifest.task} by {manifest.algorithm}",
        ),
        modelfs=ModelFiles(diff_ids=[layer.digest for layer in layers]),
        config=ModelTraits(architecture=manifest.algorithm, format=form),
    )


def _encoded(message: msgspec.Struct) -> bytes:
    return msgspec.json.encode(message, order="deterministic")
