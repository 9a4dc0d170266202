"""A repository of the Hugging Face Hub, over its HTTP API: `hf://org/name[@revision][/path]`.

The revision is turned into a commit first, and all files are asked for as of that. Large ones carry
the SHA-256 that Git LFS knows them by, small ones the digest of their Git blob; both are checked.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from lichen.core.errors import Forbidden, InvalidInput, LichenError, NotFound, Refused
from lichen.fetching.choosing import chosen
from lichen.fetching.locations import Location, located
from lichen.fetching.parts import Check, Listing, Part
from lichen.fetching.policy import Accounts
from lichen.fetching.references import HubSource
from lichen.fetching.web import Ask, Web

_COMMIT = re.compile(r"[0-9a-f]{40}")


class _Lfs(msgspec.Struct, frozen=True):
    sha256: str
    size: int


class _Sibling(msgspec.Struct, frozen=True, rename={"blob": "blobId"}):
    rfilename: str
    size: int | None = None
    blob: str | None = None
    lfs: _Lfs | None = None


class _Repository(msgspec.Struct, frozen=True):
    sha: str
    siblings: list[_Sibling] = []
    gated: bool | str = False


class HubRepository:
    """A revision of a repository."""

    def __init__(self, source: str, accounts: Accounts, web: Web) -> None:
        self._source = HubSource.parse(source)
        self._hub = located(accounts.hub.rstrip("/"))
        self._web = web

    def listing(self) -> Listing:
        """See Remote."""
        repository = self._repository()
        source = self._source
        below = [one for one in repository.siblings if _is_below(one.rfilename, source.path)]
        if not below:
            raise NotFound(f"{source.shown} has no file: check the path and the revision")
        names = {_relative(one.rfilename, source.path): one for one in below}
        choice = chosen(names, source.shown)
        return Listing(
            name=source.repository.rpartition("/")[2],
            origin=source.shown,
            parts=tuple(self._part(path, names[path], repository.sha) for path in choice.taken),
            revision=repository.sha,
            left=choice.left,
        )

    def _repository(self) -> _Repository:
        source = self._source
        revision = quote(source.revision, safe="")
        path = f"/api/models/{source.repository}/revision/{revision}?blobs=true"
        try:
            _, body = self._web.fetch(Ask(self._at(path)))
        except Forbidden:
            raise  # it is this platform that refuses to ask
        except (Refused, NotFound) as error:
            raise _explained(error, source) from error
        try:
            found = msgspec.json.decode(body, type=_Repository)
        except msgspec.MsgspecError as error:
            raise InvalidInput(
                f"{self._hub.authority} answered something that is no repository: {error}"
            ) from error
        if not _COMMIT.fullmatch(found.sha):
            raise InvalidInput(f"{self._hub.authority} names no commit of {source.shown}")
        return found

    def _part(self, path: str, one: _Sibling, commit: str) -> Part:
        place = self._at(f"/{self._source.repository}/resolve/{commit}/{quote(one.rfilename)}")
        if one.lfs is not None:
            checks: tuple[Check, ...] = (Check("sha256", one.lfs.sha256),)
            return Part(path, place, one.lfs.size, checks)
        checks = (Check("git-sha1", one.blob),) if one.blob else ()
        return Part(path, place, one.size, checks)

    def _at(self, target: str) -> Location:
        return self._hub.at(self._hub.target.rstrip("/") + target)


class HubToken:
    """The token of the Hub, for the Hub alone: its files come from other hosts, signed for."""

    def __init__(self, accounts: Accounts) -> None:
        self._hub = located(accounts.hub)
        self._token = accounts.hub_token

    def headers(self, ask: Ask) -> Mapping[str, str]:
        """See Credentials."""
        if self._token is None or ask.place.origin != self._hub.origin:
            return {}
        return {"Authorization": f"Bearer {self._token}"}

    def learn(self, challenge: str, place: Location) -> bool:  # noqa: ARG002 - the protocol's
        """No: it was sent already."""
        return False


def _is_below(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")


def _relative(path: str, folder: str) -> str:
    if not folder:
        return path
    return path.rpartition("/")[2] if path == folder else path.removeprefix(f"{folder}/")


def _explained(error: LichenError, source: HubSource) -> LichenError:
    if isinstance(error, NotFound):
        return NotFound(f"the hub has no {source.shown}: check the name and the revision")
    return Refused(
        f"the hub shows {source.shown} to nobody without leave, or has no such repository: see "
        "that the setting `pull_hub_token` may read it, and accept its terms on its page there"
    )
