"""What a source names: an artifact of a registry, or a repository of the Hub."""

import re
from dataclasses import dataclass

from lichen.core.errors import InvalidInput
from lichen.fetching.locations import Location, located

_REFERENCE = re.compile(
    r"(?P<registry>[A-Za-z0-9.-]+(:\d+)?|\[[0-9A-Fa-f:]+\](:\d+)?)/"
    r"(?P<repository>[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*)"
    r"(:(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_PARTED = re.compile(
    r"(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)(@(?P<revision>[\w./-]+?))?//(?P<path>.+)", re.ASCII
)
_PLAIN = re.compile(
    r"(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)(@(?P<revision>[\w.-]+))?(/(?P<path>.+))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A name in a registry, and the tag or digest that picks what it names."""

    registry: Location
    repository: str
    which: str

    @classmethod
    def parse(cls, text: str, *, is_plain: bool = False) -> "Reference":
        """`registry/repository:tag` or `registry/repository@sha256:...`; the tag is `latest`.

        Args:
            text: without its scheme.
            is_plain: whether it is asked without TLS.

        Raises:
            InvalidInput: it is something else.
        """
        found = _REFERENCE.fullmatch(text)
        if found is None:
            raise InvalidInput(
                f"oci://{text[:200]} names no artifact: write oci://registry/repository:tag, or "
                "@sha256:... in place of the tag"
            )
        place = located(f"{'http' if is_plain else 'https'}://{found['registry']}/")
        return cls(place, found["repository"], found["digest"] or found["tag"] or "latest")

    @property
    def shown(self) -> str:
        """For people."""
        mark = "@" if self.which.startswith("sha256:") else ":"
        return f"oci://{self.registry.authority}/{self.repository}{mark}{self.which}"

    def at(self, kind: str, which: str) -> Location:
        """Where a manifest or blob of it stands."""
        return self.registry.at(f"/v2/{self.repository}/{kind}/{which}")


@dataclass(frozen=True, slots=True)
class HubSource:
    """What of the Hub: a revision unless it is `main`, a folder or file unless it is all."""

    repository: str
    revision: str
    path: str

    @classmethod
    def parse(cls, text: str) -> "HubSource":
        """`org/name[@revision][/path]`; a revision with slashes is parted from a path by `//`.

        Raises:
            InvalidInput: it is something else.
        """
        found = (_PARTED if "//" in text else _PLAIN).fullmatch(text)
        if found is None or ".." in text:
            raise InvalidInput(
                f"hf://{text} names no repository: write hf://org/name, hf://org/name@revision or "
                "hf://org/name@revision/folder"
            )
        repository = f"{found['owner']}/{found['name']}"
        return cls(repository, found["revision"] or "main", (found["path"] or "").strip("/"))

    @property
    def shown(self) -> str:
        """For people."""
        path = f"/{self.path}" if self.path else ""
        return f"hf://{self.repository}@{self.revision}{path}"
