"""Which requests are traced: settings in the store, of the platform and of single deployments.

A setting that a deployment does not have is the platform's; one that the platform does not have is
the default. Every process of the data plane reads them when the store changes.
"""

from dataclasses import dataclass, replace

import msgspec
from msgspec import UNSET, Struct, UnsetType

from lichen.core.errors import Conflict
from lichen.store.documents import MUST_NOT_EXIST, Change, DocumentStore

TRACES = "traces"
"""Document collection of `TraceChange`, by deployment name, or `*` for the platform."""
_PLATFORM = "*"


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """One request of `rate` is traced, `count` requests at most in each process (-1: no bound).

    Traces are written when `log_frequency` of them have come together; with 0 five times a second.
    """

    timestamps: bool = False
    rate: int = 1000
    count: int = -1
    log_frequency: int = 0


class TraceChange(Struct, frozen=True, omit_defaults=True):
    """What is said of some settings: a value, or None for the value from the level above."""

    timestamps: bool | UnsetType | None = UNSET
    rate: int | UnsetType | None = UNSET
    count: int | UnsetType | None = UNSET
    log_frequency: int | UnsetType | None = UNSET


class TraceBook:
    """Reads and changes the settings. Its methods read the store."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    def settings(self, deployment: str | None = None) -> TraceSettings:
        """Those of one deployment, or of the platform.

        Raises:
            StorageFailed: the store cannot be read.
        """
        platform = _under(TraceSettings(), self._read(_PLATFORM)[0])
        return platform if deployment is None else _under(platform, self._read(deployment)[0])

    def own(self) -> dict[str, TraceSettings]:
        """The settings of every deployment that has its own.

        Raises:
            StorageFailed: the store cannot be read.
        """
        return {
            one.key: self.settings(one.key)
            for one in self._documents.scan(TRACES)
            if one.key != _PLATFORM
        }

    def change(self, deployment: str | None, change: TraceChange) -> TraceSettings:
        """Change settings of one deployment, or of the platform; what they are then.

        Raises:
            StorageFailed: the change cannot be written down.
        """
        key = deployment or _PLATFORM
        while True:
            known, version = self._read(key)
            wanted = _merged(known, change)
            body = None if wanted == TraceChange() else msgspec.json.encode(wanted)
            try:
                self._documents.commit([Change(TRACES, key, body, version)])
            except Conflict:
                continue
            return self.settings(deployment)

    def _read(self, key: str) -> tuple[TraceChange, int]:
        document = self._documents.get(TRACES, key)
        if document is None:
            return TraceChange(), MUST_NOT_EXIST
        return msgspec.json.decode(document.body, type=TraceChange), document.version


def _merged(known: TraceChange, change: TraceChange) -> TraceChange:
    """What is said once the change was made; what was cleared is no longer said."""
    said = {**_said(known), **_said(change)}
    kept = {name: value for name, value in said.items() if value is not None}
    return msgspec.convert(kept, TraceChange)


def _under(above: TraceSettings, own: TraceChange) -> TraceSettings:
    said = {name: value for name, value in _said(own).items() if value is not None}
    return replace(above, **said)  # type: ignore[arg-type]  # the names and kinds are the same


def _said(change: TraceChange) -> dict[str, int | None]:
    found = {name: getattr(change, name) for name in change.__struct_fields__}
    return {name: value for name, value in found.items() if value is not UNSET}
