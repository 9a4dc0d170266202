"""Jobs of kind `pull`: a model is fetched from elsewhere, and then imported as an upload is.

What came lies in the job's folder: a killed or paused attempt is gone on from. The energy of this
machine's work on it is charged like any job's; that of the network is nobody's here to measure, so
the result states the bytes and no joules for them (M5).
"""

import signal
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

import msgspec

from lichen.fetching.fetching import Fetched
from lichen.fetching.pulling import pull
from lichen.fetching.sources import name_of
from lichen.frameworks.importing.source import Source, laid_out
from lichen.protocol.admin import FileSpec, ImportSpec, JsonObject, PullSpec
from lichen.server.pull_policy import pull_allowed
from lichen.server.work.attempt import FETCHED
from lichen.server.work.import_jobs import import_source
from lichen.server.work.importing.laying import laid
from lichen.server.work.jobfiles import JobWatch
from lichen.server.work.workbench import Workbench

_LOOK_SECONDS = 0.2
_MOST_LEFT = 20
"""Files left behind that a result names."""


def pull_model(bench: Workbench) -> None:
    """Fetch it and import it; the version says where it came from, and by which revision."""
    spec = msgspec.convert(bench.job.spec, PullSpec)
    folder = bench.home.job(bench.job.id) / FETCHED
    bench.watch.tell("fetching", 0.0)
    allowed = pull_allowed(bench.settings.pull, bench.clock)
    fetched = pull(spec.source, allowed, folder, _Course(bench.watch).tell)
    bench.watch.tell("checking")
    asked = _import_spec(spec, fetched)
    source = _source(fetched, bench.home.job(bench.job.id) / "scratch" / "source")
    import_source(replace(bench, told=_told(fetched, asked)), asked, source)


@dataclass(slots=True)
class _Course:
    """Tells how far the fetching is, and ends it where the job is to pause."""

    watch: JobWatch
    looked_at: float = field(default=0.0)

    def tell(self, here: int, total: int | None) -> None:
        """So many bytes of so many are here."""
        if monotonic() - self.looked_at < _LOOK_SECONDS:
            return
        self.looked_at = monotonic()
        self.watch.tell("fetching", min(1.0, here / total) if total else None)
        if self.watch.is_to_stop:
            signal.raise_signal(signal.SIGTERM)


def _source(fetched: Fetched, folder: Path) -> Source:
    """What came as a source of an import; a tar that came alone is unpacked."""
    inside = list(fetched.files.iterdir())
    name = fetched.listing.name
    if len(inside) == 1 and inside[0].is_file():
        return laid(inside[0], inside[0].name, folder)
    is_wrapped = len(inside) == 1
    return laid_out(inside[0] if is_wrapped else fetched.files, name)


def _import_spec(spec: PullSpec, fetched: Fetched) -> ImportSpec:
    listing = fetched.listing
    revision = f" ({listing.revision})" if listing.revision else ""
    return ImportSpec(
        name=spec.name or name_of(spec.source),
        file=FileSpec(upload="", filename=listing.name),
        columns=spec.columns,
        labels=spec.labels,
        format=spec.format,
        inputs=spec.inputs,
        entry=spec.entry,
        allow_unsafe=spec.allow_unsafe,
        source=f"{listing.origin}{revision}",
    )


def _told(fetched: Fetched, asked: ImportSpec) -> JsonObject:
    left = fetched.listing.left
    return {
        "source": asked.source,
        "fetched_bytes": fetched.came_before + fetched.came_now,
        "resumed_bytes": fetched.came_before,
        "left": [*left[:_MOST_LEFT]],
        "left_files": len(left),
    }
