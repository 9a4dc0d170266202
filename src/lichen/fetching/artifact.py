"""A model in a registry of containers: `oci://registry/repository:tag` or `...@sha256:...`.

By the distribution API of the Open Container Initiative; artifacts as the CNCF's ModelPack lays
them out (https://github.com/modelpack/model-spec), and those that ORAS pushes, whose layers are
files with a title. Every manifest and layer has the digest by which it is named.
"""

import hashlib
import re

import msgspec

from lichen.core.errors import Corrupt, InvalidInput, NotFound
from lichen.fetching.parts import Check, Listing, Part, checked_path
from lichen.fetching.references import Reference
from lichen.fetching.web import Ask, Web
from lichen.protocol.modelpack import (
    CONFIG_TYPE,
    FILE_PATH,
    INDEX_TYPE,
    LAYER_PREFIX,
    MANIFEST_TYPE,
    TITLE,
    ArtifactManifest,
    Descriptor,
    ModelConfig,
)

_ACCEPTED = f"{MANIFEST_TYPE}, {INDEX_TYPE}"
_CONTAINERS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container")
_KINDS = {"raw": None, "tar": "tar", "tar+gzip": "tar+gzip"}
_TAKEN = ("weight", "weight.config", "doc")
"""Of ModelPack's kinds of layers; code and datasets stay where they are."""
_CODE = "code"
_OWN_MANIFEST = "lichen.json"
"""Where it is among the files the artifact is a version that Lichen exported: its code is part of
it, and whether it may run is the platform's to say."""


class Artifact:
    """An artifact of a registry."""

    def __init__(self, reference: Reference, web: Web) -> None:
        self._reference = reference
        self._web = web

    def listing(self) -> Listing:
        """See Remote."""
        manifest, digest = self._manifest(self._reference.which)
        if manifest.manifests:
            manifest, digest = self._manifest(self._only(manifest).digest)
        self._check_kind(manifest)
        config = self._config(manifest)
        names = {_name(layer) for layer in manifest.layers}
        taken = (*_TAKEN, _CODE) if _OWN_MANIFEST in names else _TAKEN
        parts, left = [], []
        for number, layer in enumerate(manifest.layers):
            if _kind_and_form(layer)[0] in taken:
                parts.append(self._part(layer, _diff_id(config, number)))
            else:
                left.append(_name(layer) or layer.media_type)
        if not parts:
            raise InvalidInput(f"{self._reference.shown} has no layer that holds a model's files")
        name = self._reference.repository.rpartition("/")[2]
        return Listing(name, self._reference.shown, tuple(parts), digest, tuple(left))

    def _manifest(self, which: str) -> tuple[ArtifactManifest, str]:
        reference = self._reference
        ask = Ask(reference.at("manifests", which), headers={"Accept": _ACCEPTED})
        try:
            _, body = self._web.fetch(ask)
        except NotFound as error:
            raise NotFound(
                f"there is no {reference.shown}: check the repository and the tag"
            ) from error
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if which.startswith("sha256:") and which != digest:
            raise Corrupt(
                f"the manifest of {reference.shown} came as {digest}: somebody on the way, or the "
                "registry, changes it"
            )
        try:
            return msgspec.json.decode(body, type=ArtifactManifest), digest
        except msgspec.MsgspecError as error:
            raise InvalidInput(
                f"{reference.shown} has no manifest that can be read: {error}"
            ) from error

    def _only(self, index: ArtifactManifest) -> Descriptor:
        if len(index.manifests) != 1:
            raise InvalidInput(
                f"{self._reference.shown} is a list of {len(index.manifests)} artifacts: name one "
                "by its digest, as ...@sha256:..."
            )
        return index.manifests[0]

    def _check_kind(self, manifest: ArtifactManifest) -> None:
        kind = manifest.config.media_type if manifest.config else ""
        if kind.startswith(_CONTAINERS) and not manifest.artifact_type:
            raise InvalidInput(
                f"{self._reference.shown} is an image of a container, no model: push the model as "
                "an artifact in ModelPack layout, such as by `lichen models push`"
            )

    def _config(self, manifest: ArtifactManifest) -> ModelConfig | None:
        """What the artifact says of itself, where it is in ModelPack layout."""
        config = manifest.config
        if config is None or config.media_type != CONFIG_TYPE:
            return None
        _, body = self._web.fetch(Ask(self._reference.at("blobs", _digest(config))))
        if f"sha256:{hashlib.sha256(body).hexdigest()}" != config.digest:
            raise Corrupt(f"the configuration of {self._reference.shown} has another digest")
        try:
            return msgspec.json.decode(body, type=ModelConfig)
        except msgspec.MsgspecError as error:
            raise InvalidInput(
                f"the configuration of {self._reference.shown} cannot be read: {error}"
            ) from error

    def _part(self, layer: Descriptor, unpacked: Check | None) -> Part:
        form, name = _kind_and_form(layer)[1], _name(layer)
        archive = _KINDS.get(form, form)
        if name is None and archive is None:
            raise InvalidInput(f"a layer of {self._reference.shown} does not say which file it is")
        place = self._reference.at("blobs", _digest(layer))
        check = Check("sha256", _digest(layer).removeprefix("sha256:"))
        return Part(
            checked_path(name or layer.digest.replace(":", "-"), self._reference.shown),
            place,
            layer.size,
            (check,),
            archive=archive,
            unpacked=unpacked if archive else None,
        )


def _kind_and_form(layer: Descriptor) -> tuple[str, str]:
    """Which of ModelPack's kinds a layer is, and how it is packed."""
    if not layer.media_type.startswith(LAYER_PREFIX):
        return ("weight", "raw") if TITLE in layer.annotations else ("", "")
    kind, _, form = layer.media_type.removeprefix(LAYER_PREFIX).partition(".v1.")
    return kind, form


def _name(layer: Descriptor) -> str | None:
    return layer.annotations.get(FILE_PATH) or layer.annotations.get(TITLE)


def _digest(one: Descriptor) -> str:
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", one.digest):
        raise InvalidInput(f"{one.digest[:80]!r} is no digest that is checked: push with sha256")
    return one.digest


def _diff_id(config: ModelConfig | None, number: int) -> Check | None:
    listed = config.modelfs.diff_ids if config else []
    if number >= len(listed) or not listed[number].startswith("sha256:"):
        return None
    return Check("sha256", listed[number].removeprefix("sha256:"))
