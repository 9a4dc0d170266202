"""An artifact into a registry: blobs that it lacks, then the manifest that names them.

https://github.com/opencontainers/distribution-spec (1.1), in one piece for each blob.
"""

import hashlib
from collections.abc import Callable, Mapping
from urllib.parse import quote

from lichen.core.errors import NotFound, WorkFailed
from lichen.fetching.locations import Location
from lichen.fetching.patience import persisting
from lichen.fetching.references import Reference
from lichen.fetching.web import Ask, Web

Told = Callable[[int, int | None], None]


def push(
    reference: Reference, blobs: Mapping[str, bytes], manifest: bytes, web: Web, told: Told
) -> str:
    """Put blobs, by digest, and their manifest into a registry; the manifest's digest.

    Raises:
        Refused: the registry lets this caller write nothing.
        WorkFailed: it fails, or keeps the manifest under another digest.
    """
    total, done = sum(len(blob) for blob in blobs.values()), 0
    for digest, blob in blobs.items():
        if not _has(reference, digest, web):
            _put_blob(reference, digest, blob, web)
        done += len(blob)
        told(done, total)
    return _put_manifest(reference, manifest, web)


def _has(reference: Reference, digest: str, web: Web) -> bool:
    try:
        web.fetch(Ask(reference.at("blobs", digest), "HEAD"))
    except NotFound:
        return False
    return True


def _put_blob(reference: Reference, digest: str, blob: bytes, web: Web) -> None:
    def attempt() -> None:
        begin = Ask(reference.at("blobs", "uploads/"), "POST", _length(b""), b"")
        with web.asked(begin) as reply:
            target = reply.place.joined(reply.headers.get("location", ""))
        mark = "&" if "?" in target.target else "?"
        place = target.at(f"{target.target}{mark}digest={quote(digest, safe='')}")
        headers = {"Content-Type": "application/octet-stream", **_length(blob)}
        with web.asked(Ask(place, "PUT", headers, blob)) as reply:
            reply.document()

    persisting(attempt, web.pause)


def _put_manifest(reference: Reference, manifest: bytes, web: Web) -> str:
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    media_type = "application/vnd.oci.image.manifest.v1+json"
    headers = {"Content-Type": media_type, **_length(manifest)}
    place = reference.at("manifests", reference.which)
    reply, _ = web.fetch(Ask(place, "PUT", headers, manifest))
    kept = reply.headers.get("docker-content-digest", digest)
    if kept != digest:
        raise WorkFailed(f"{_host(place)} keeps the manifest as {kept} and not as {digest}")
    return digest


def _length(body: bytes) -> dict[str, str]:
    return {"Content-Length": str(len(body))}


def _host(place: Location) -> str:
    return place.authority
