"""What happens when another commit comes in between, made to happen at the exact moment."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from lichen.core.clock import ManualClock
from lichen.core.errors import Conflict
from lichen.core.ids import DEFAULT_TENANT, JobId
from lichen.core.tensors import Signature
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.security.identity import Principal, Role
from lichen.security.tokens import Keys
from lichen.store.blobs import MemoryBlobs
from lichen.store.documents import Change, MemoryDocuments

FILES = {"model.onnx": b"model"}
DRAFT = Draft("vic", "forecast", "ridge", Signature((), ()), "0.1.0", job_id=JobId("job-1"))


class Interrupted(MemoryDocuments):
    """A store where something else is committed just before the next commit."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], object] | None = None

    def commit(self, changes: Sequence[Change]) -> int:
        interruption, self.meanwhile = self.meanwhile, None
        if interruption is not None:
            interruption()
        return super().commit(changes)


@pytest.fixture
def documents() -> Interrupted:
    return Interrupted()


@pytest.fixture
def catalog(documents: Interrupted) -> Catalog:
    return Catalog(documents, MemoryBlobs(), ManualClock())


def test_a_version_that_lost_the_race_takes_the_next_number(
    documents: Interrupted, catalog: Catalog
) -> None:
    documents.meanwhile = lambda: catalog.register(replace(DRAFT, job_id=JobId("job-2")), FILES)
    assert catalog.register(DRAFT, FILES).version == 2
    assert [manifest.job_id for manifest in catalog.versions("vic")] == ["job-2", "job-1"]


def test_changes_that_name_the_version_name_the_one_that_was_committed(
    documents: Interrupted, catalog: Catalog
) -> None:
    documents.meanwhile = lambda: catalog.register(replace(DRAFT, job_id=JobId("job-2")), FILES)
    manifest = catalog.register(
        DRAFT, FILES, lambda made: [Change("jobs", "job-1", made.reference.encode(), 0)]
    )
    job = documents.get("jobs", "job-1")
    assert job is not None
    assert job.body == manifest.reference.encode() == b"vic@2"


def test_an_attempt_that_lost_to_another_of_its_job_gets_that_version(
    documents: Interrupted, catalog: Catalog
) -> None:
    documents.meanwhile = lambda: catalog.register(replace(DRAFT, fence=1), FILES)
    manifest = catalog.register(replace(DRAFT, fence=2), FILES)
    assert (manifest.version, manifest.fence) == (1, 1)
    assert len(catalog.versions("vic")) == 1


def test_an_alias_set_meanwhile_is_kept(documents: Interrupted, catalog: Catalog) -> None:
    catalog.register(replace(DRAFT, job_id=None), FILES)
    documents.meanwhile = lambda: catalog.set_alias("vic", "champion", 1)
    catalog.register(DRAFT, FILES)
    assert catalog.model("vic").aliases == {"champion": 1}
    documents.meanwhile = lambda: catalog.set_alias("vic", "old", 1)
    assert catalog.set_alias("vic", "champion", 2).aliases == {"champion": 2, "old": 1}


def test_a_job_cancelled_meanwhile_makes_no_version(
    documents: Interrupted, catalog: Catalog
) -> None:
    running = documents.commit([Change("jobs", "job-1", b"running")])
    documents.meanwhile = lambda: documents.commit([Change("jobs", "job-1", b"cancelled")])
    with pytest.raises(Conflict, match="jobs/job-1"):
        catalog.register(DRAFT, FILES, [Change("jobs", "job-1", b"done", running)])
    assert catalog.models() == ()


def test_a_race_and_a_cancellation_together_make_no_version(
    documents: Interrupted, catalog: Catalog
) -> None:
    running = documents.commit([Change("jobs", "job-1", b"running")])

    def both() -> None:
        catalog.register(replace(DRAFT, job_id=JobId("job-2")), FILES)
        documents.commit([Change("jobs", "job-1", b"cancelled")])

    documents.meanwhile = both
    with pytest.raises(Conflict, match="jobs/job-1"):
        catalog.register(DRAFT, FILES, [Change("jobs", "job-1", b"done", running)])
    assert [manifest.job_id for manifest in catalog.versions("vic")] == ["job-2"]


def test_a_key_revoked_twice_at_once_is_revoked_once(documents: Interrupted) -> None:
    clock = ManualClock()
    keys = Keys(documents, clock)
    made = keys.create(Principal("ana", DEFAULT_TENANT, Role.VIEWER)).record
    documents.meanwhile = lambda: keys.revoke(made.id)
    assert keys.revoke(made.id).revoked_at == clock.now()
