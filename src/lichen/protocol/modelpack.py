"""Artifacts of registries as the CNCF's ModelPack lays models out: manifests and configurations.

https://github.com/modelpack/model-spec, on the image manifest of the Open Container Initiative
(https://github.com/opencontainers/image-spec, 1.1).
"""

import msgspec

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
ARTIFACT_TYPE = "application/vnd.cncf.model.manifest.v1+json"
CONFIG_TYPE = "application/vnd.cncf.model.config.v1+json"
LAYER_PREFIX = "application/vnd.cncf.model."
"""Of layers: then the kind (`weight`, `weight.config`, `doc`, `code`, `dataset`), `.v1.`, and the
form (`raw`, `tar`, `tar+gzip`, `tar+zstd`)."""
FILE_PATH = "org.cncf.model.filepath"
TITLE = "org.opencontainers.image.title"
"""Annotations of a layer: the file that it is, to ModelPack and to ORAS."""
REFERENCE_NAME = "org.opencontainers.image.ref.name"
CREATED = "org.opencontainers.image.created"


class Descriptor(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename={"media_type": "mediaType", "artifact_type": "artifactType"},
):
    """What a manifest says of a blob: `size` in bytes, `digest` as `sha256:...`."""

    media_type: str
    digest: str
    size: int
    artifact_type: str | None = None
    annotations: dict[str, str] = {}


class ArtifactManifest(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename={
        "schema_version": "schemaVersion",
        "media_type": "mediaType",
        "artifact_type": "artifactType",
    },
):
    """A manifest, or an index where it has `manifests`."""

    schema_version: int
    media_type: str | None = None
    artifact_type: str | None = None
    config: Descriptor | None = None
    layers: list[Descriptor] = []
    manifests: list[Descriptor] = []
    annotations: dict[str, str] = {}


class ModelDescriptor(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"
):
    """Which model it is; `created_at` as RFC 3339."""

    created_at: str | None = None
    name: str | None = None
    version: str | None = None
    vendor: str | None = None
    title: str | None = None
    description: str | None = None
    revision: str | None = None


class ModelFiles(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The digests of the layers as they are unpacked, in their order."""

    type: str = "layers"
    diff_ids: list[str] = []


class ModelTraits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What kind of model it is."""

    architecture: str | None = None
    format: str | None = None
    precision: str | None = None


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of a model's artifact."""

    descriptor: ModelDescriptor
    modelfs: ModelFiles
    config: ModelTraits
