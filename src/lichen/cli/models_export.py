"""`lichen models export` and `push`: a version for other programs, and into a registry."""

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click
import msgspec

from lichen.cli.output import json_option, print_json
from lichen.cli.platform import open_platform
from lichen.client.connection import Lichen
from lichen.core.errors import Conflict, InvalidInput
from lichen.fetching.addresses import EVERYWHERE
from lichen.fetching.logins import RegistryLogin, logins_in
from lichen.fetching.policy import Policy
from lichen.fetching.pushing import push as push_artifact
from lichen.fetching.references import Reference
from lichen.fetching.sources import parted
from lichen.fetching.web import Web
from lichen.protocol.exports import EXPORT_FORMATS, LICHEN, OCI
from lichen.protocol.modelpack import ArtifactManifest
from lichen.server.settings import load
from lichen.store.failures import storage_failures

_BLOBS = "blobs/sha256/"
_MEGABYTE = 1e6


@click.command()
@click.argument("reference", metavar="NAME@V")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(EXPORT_FORMATS),
    default=LICHEN,
    show_default=True,
    help="The form: another Lichen's, one ONNX graph, a folder of MLflow, or an OCI artifact.",
)
@json_option
def export(reference: str, folder: Path, form: str, as_json: bool) -> None:  # noqa: FBT001
    """Write a version into a new folder DIR, or a tar file where DIR ends in .tar."""
    if folder.exists():
        raise Conflict(f"{str(folder)!r} exists already: name a folder that does not")
    with open_platform() as platform, storage_failures(folder):
        _export(platform, reference, folder, form)
    if as_json:
        print_json({"exported": reference, "folder": str(folder), "format": form})
    else:
        click.echo(f"wrote {reference} to {folder}")


@click.command()
@click.argument("reference", metavar="NAME@V")
@click.argument("target", metavar="oci://REGISTRY/REPOSITORY[:TAG]")
@json_option
def push(reference: str, target: str, as_json: bool) -> None:  # noqa: FBT001
    """Push a version into a registry, as an artifact in ModelPack layout.

    It goes from this machine, by the login for the registry in the file that the setting
    `pull_registry_logins` names. The tag is the version's number unless said. oci+http:// is for
    registries without TLS.
    """
    place = _target(target)
    with open_platform() as platform, tempfile.TemporaryDirectory() as scratch:
        version = platform.models.show(reference)
        exact = f"{version.model}@{version.version}"
        packed = platform.models.export(exact, Path(scratch, "version.tar"), OCI)
        blobs, manifest = _artifact(packed)
    if ":" not in target.rpartition("/")[2]:
        place = Reference(place.registry, place.repository, str(version.version))
    size = sum(map(len, blobs.values()))
    with _opened(place) as web, click.progressbar(length=size, hidden=as_json) as bar:

        def tell(done: int, _total: int | None) -> None:
            bar.update(done - bar.pos)

        digest = push_artifact(place, blobs, manifest, web, tell)
    if as_json:
        print_json({"pushed": exact, "to": place.shown, "digest": digest})
        return
    click.echo(f"pushed {exact} to {place.shown}: {size / _MEGABYTE:,.1f} MB, {digest}")


def _target(target: str) -> Reference:
    scheme, rest = parted(target)
    if not scheme.startswith("oci") or "@" in rest:
        raise InvalidInput(
            f"{target!r} is no place to push to: write oci://registry/repository:tag"
        )
    return Reference.parse(rest, is_plain=scheme == "oci+http")


@contextmanager
def _opened(place: Reference) -> Iterator[Web]:
    """Asks from this machine, whose user named the registry: no address is closed to that."""
    said = load().pull
    policy = Policy(networks=EVERYWHERE, allows_http=True, proxy=said.pull_proxy, ca=said.pull_ca)
    logins = {} if said.pull_registry_logins is None else logins_in(said.pull_registry_logins)
    with closing(Web(policy)) as web:
        yield web.seen_as(RegistryLogin(place.registry, logins, web))


def _artifact(packed: Path) -> tuple[dict[str, bytes], bytes]:
    """The blobs of an image layout by digest, and the manifest that names them."""
    with tarfile.open(packed) as tar:
        files = {one.name: tar.extractfile(one) for one in tar.getmembers()}
        bodies = {name: file.read() for name, file in files.items() if file is not None}
    index = msgspec.json.decode(bodies["index.json"], type=ArtifactManifest)
    manifest = bodies[_BLOBS + index.manifests[0].digest.removeprefix("sha256:")]
    return {
        f"sha256:{name.removeprefix(_BLOBS)}": body
        for name, body in bodies.items()
        if name.startswith(_BLOBS) and body is not manifest
    }, manifest


def _export(platform: Lichen, reference: str, folder: Path, form: str) -> None:
    """The version at `folder` whole, or nothing of it."""
    version = platform.models.show(reference)
    with tempfile.TemporaryDirectory(dir=_parent(folder)) as scratch:
        exact = f"{version.model}@{version.version}"
        packed = platform.models.export(exact, Path(scratch, "version.tar"), form)
        if folder.suffix == ".tar":
            packed.rename(folder)
            return
        unpacked = Path(scratch, "version")
        with tarfile.open(packed) as tar:
            tar.extractall(unpacked, filter="data")
        unpacked.rename(folder)


def _parent(folder: Path) -> Path:
    parent = folder.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    return parent
