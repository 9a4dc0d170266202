"""A model in a bucket: `s3://bucket/key` for a file, `s3://bucket/prefix/` for all below it.

Any store that speaks Amazon's S3 will do, by the setting of its address.
"""

from collections.abc import Iterator
from urllib.parse import quote
from xml.etree import ElementTree as ET

from lichen.core.errors import InvalidInput, NotFound, TooLarge
from lichen.fetching.choosing import chosen
from lichen.fetching.locations import Location, located
from lichen.fetching.parts import MOST_FILES, Listing, Part, stated_checks
from lichen.fetching.plain import fragment_checks
from lichen.fetching.policy import BucketAccount
from lichen.fetching.web import Ask, Web

_UNRESERVED = "-_.~"
_WITH_CHECKSUM = {"x-amz-checksum-mode": "ENABLED"}


def bucket_place(account: BucketAccount) -> Location:
    """Where buckets are asked for, by path."""
    return located(account.endpoint or f"https://s3.{account.region}.amazonaws.com")


class BucketFiles:
    """An object, or all objects whose keys begin with a prefix."""

    def __init__(self, source: str, account: BucketAccount, web: Web) -> None:
        path, _, fragment = source.partition("#")
        self._bucket, _, self._key = path.partition("/")
        if not self._bucket or not self._bucket.isascii() or "?" in path:
            raise InvalidInput(
                f"s3://{path} names no bucket: write s3://bucket/key, or s3://bucket/folder/"
            )
        self._shown = f"s3://{self._bucket}/{self._key}"
        self._checks = fragment_checks(fragment)
        self._place = bucket_place(account)
        self._web = web

    def listing(self) -> Listing:
        """See Remote."""
        if self._key and not self._key.endswith("/"):
            return self._file()
        if self._checks:
            raise InvalidInput(f"{self._shown} is a folder, and a digest is of a file")
        return self._folder()

    def _file(self) -> Listing:
        place = self._at(self._key)
        reply, _ = self._web.fetch(Ask(place, "HEAD", _WITH_CHECKSUM))
        name = self._key.rpartition("/")[2]
        size = reply.headers.get("content-length", "")
        part = Part(
            name,
            place,
            int(size) if size.isascii() and size.isdigit() else None,
            (*self._checks, *stated_checks(reply.headers)),
        )
        return Listing(name, self._shown, (part,), _revision(reply.headers.get("etag")))

    def _folder(self) -> Listing:
        found = {key.removeprefix(self._key): size for key, size in self._objects()}
        if not found:
            raise NotFound(f"{self._shown} has no object: check the bucket and the folder")
        choice = chosen(found, self._shown)
        parts = tuple(Part(one, self._at(self._key + one), found[one]) for one in choice.taken)
        name = self._key.strip("/").rpartition("/")[2] or self._bucket
        return Listing(name, self._shown, parts, left=choice.left)

    def _objects(self) -> Iterator[tuple[str, int]]:
        """Keys and sizes of all objects below the prefix."""
        token, count = "", 0
        while True:
            query = f"list-type=2&prefix={quote(self._key, _UNRESERVED)}"
            if token:
                query = f"continuation-token={quote(token, _UNRESERVED)}&{query}"
            place = self._place.at(f"/{quote(self._bucket, _UNRESERVED)}?{query}")
            _, body = self._web.fetch(Ask(place))
            page = self._parsed(body)
            for one in page.iterfind("{*}Contents"):
                key = one.findtext("{*}Key") or ""
                if not key.endswith("/"):  # what some programs keep for an empty folder
                    yield key, int(one.findtext("{*}Size") or 0)
                    count += 1
            token = page.findtext("{*}NextContinuationToken") or ""
            if count > MOST_FILES:
                raise TooLarge(f"{self._shown} has over {MOST_FILES:,} objects: name one model")
            if not token:
                return

    def _parsed(self, body: bytes) -> ET.Element:
        try:
            return ET.fromstring(body)  # noqa: S314 - no external entities; bounded in size
        except ET.ParseError as error:
            raise InvalidInput(
                f"{self._place.authority} answered something that is no list of objects ({error})"
            ) from error

    def _at(self, key: str) -> Location:
        path = quote(f"{self._bucket}/{key}", f"/{_UNRESERVED}")
        return self._place.at(f"/{path}")


def _revision(etag: str | None) -> str | None:
    return f"etag {etag.strip(chr(34))}" if etag else None
