"""What batch jobs of every form share: what answers, where they work, how they end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from lichen.core.errors import NotFound
from lichen.core.ids import Digest
from lichen.protocol.predicting import PredictResult
from lichen.server.work.batch_sizing import SIZES
from lichen.server.work.batch_standing import Standing
from lichen.server.work.job_plane import JobPlane, PlaneOfJob
from lichen.server.work.workbench import Workbench
from lichen.serving.deployment import DEPLOYMENTS, Deployment, ServiceLevel
from lichen.serving.forecaster import ForecastPredictor
from lichen.serving.widths import WIDTHS, Adapted
from lichen.store.documents import Change
from lichen.store.failures import storage_failures


def deployed(bench: Workbench, name: str, owner: str | None) -> Deployment:
    """What answers, as it is deployed now; nobody waits for its latency here.

    Args:
        bench: of the job.
        name: of the deployment.
        owner: the tenant whose it was when the job was accepted.

    Raises:
        NotFound: nothing of that tenant is deployed under the name any more.
    """
    document = bench.documents.get(DEPLOYMENTS, name)
    if document is None:
        raise NotFound(
            f"deployment {name!r} was undeployed before the job started: deploy it again, and "
            "submit the job again"
        )
    found = msgspec.json.decode(document.body, type=Deployment)
    if owner not in (None, found.tenant):
        raise NotFound(
            f"deployment {name!r} is another tenant's by now: deploy yours under another name, and "
            "submit the job again"
        )
    threads = None if found.threads == "auto" else found.threads
    return replace(found, level=ServiceLevel(), threads=threads, cheaper=None)


def parts_of(bench: Workbench, batch_rows: int | None = None) -> PlaneOfJob:
    """What the plane of a job is built of."""
    most = max(SIZES[-1], batch_rows or 1)
    return PlaneOfJob(bench.settings, bench.catalog(), bench.spending, most)


def width_of(bench: Workbench, deployment: Deployment) -> Adapted | None:
    """How wide a forecaster's intervals are by now."""
    document = bench.documents.get(WIDTHS, deployment.name)
    if document is None:
        return None
    adapted = msgspec.json.decode(document.body, type=Adapted)
    return adapted if adapted.is_of(deployment) else None


def widen(plane: JobPlane, width: Adapted | None) -> None:
    """Give a forecaster's intervals that width."""
    if isinstance(plane.predictor, ForecastPredictor):
        plane.predictor.widen(None if width is None else width.width)


def scratch(bench: Workbench) -> Path:
    """The job's own folder."""
    folder = bench.home.job(bench.job.id) / "scratch"
    with storage_failures(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def parts_folder(bench: Workbench) -> Path:
    """Where the parts of its output are."""
    return scratch(bench) / "parts"


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that was made, among the blobs."""

    digest: Digest
    size: int
    filename: str
    media_type: str


def keep(bench: Workbench, path: Path, filename: str, media_type: str) -> Kept:
    """Keep a file durably; doing so again changes nothing."""
    return Kept(bench.blobs.put_file(path), path.stat().st_size, filename, media_type)


def _nothing_more() -> Sequence[Change]:
    return ()


def complete(
    bench: Workbench,
    standing: Standing,
    rows: int,
    made: Kept,
    also: Callable[[], Sequence[Change]] = _nothing_more,
) -> None:
    """End the job with its output, in one commit with whatever else is to be known of it."""
    settled = standing.settled
    result = PredictResult(
        deployment=settled.deployment.name,
        model=settled.deployment.model,
        version=settled.deployment.version,
        variant=settled.deployment.variant,
        rows=rows,
        failed_rows=standing.failed_rows,
        batch_rows=settled.batch_rows,
        nj_per_row=bench.spending.receipt().energy.nj // rows,
        seconds=round(standing.seconds, 3),
        output=made.digest,
        output_bytes=made.size,
        filename=made.filename,
        media_type=made.media_type,
    )
    told = msgspec.to_builtins(result)
    bench.commit(lambda: bench.documents.commit([*bench.completion(told), *also()]))
