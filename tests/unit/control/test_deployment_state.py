"""Desired and observed deployments."""

from pathlib import Path

import msgspec
import pytest

from lichen.control.state import Deployments, standing
from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput, NotFound
from lichen.core.ids import DEFAULT_TENANT, ModelReference
from lichen.core.tensors import Signature
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.serving.deployment import ASIDE, OBSERVED, Deployment, Observed, ServiceLevel, State
from lichen.serving.repository import Repository
from lichen.serving.selector import Selector
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import Change, MemoryDocuments

LEVEL = ServiceLevel()


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
def deployments(documents: MemoryDocuments, tmp_path: Path) -> Deployments:
    catalog = Catalog(documents, LocalBlobs(tmp_path), ManualClock())
    draft = Draft("vic", "forecast", "ridge", Signature((), ()), "0.1.0")
    for content in (b"one", b"two"):
        catalog.register(draft, {"model.onnx": content})
    catalog.set_alias("vic", "champion", 1)
    return Deployments(documents, catalog)


def deploy(deployments: Deployments, reference: str, level: ServiceLevel = LEVEL) -> Deployment:
    parsed = ModelReference.parse(reference)
    return deployments.deploy("demand", parsed, DEFAULT_TENANT, level).desired


def observe(documents: MemoryDocuments, observed: Observed) -> None:
    documents.commit([Change(OBSERVED, observed.name, msgspec.json.encode(observed))])


def test_a_reference_is_resolved_when_it_is_deployed(deployments: Deployments) -> None:
    assert deploy(deployments, "vic@champion").version == 1
    assert deploy(deployments, "vic").version == 2


def test_asking_again_for_what_is_desired_changes_nothing(deployments: Deployments) -> None:
    assert deploy(deployments, "vic@1").generation == 1
    assert deploy(deployments, "vic@champion").generation == 1
    assert deploy(deployments, "vic@2").generation == 2
    assert deploy(deployments, "vic@2", ServiceLevel(p95_ms=5.0)).generation == 3


def test_a_deployment_made_anew_is_not_taken_for_the_old_one(
    deployments: Deployments, documents: MemoryDocuments
) -> None:
    deploy(deployments, "vic@1")
    observe(documents, Observed("demand", 1, State.READY))
    deployments.undeploy("demand")
    deploy(deployments, "vic@2")
    assert deployments.get("demand").state == "pending"


def test_what_was_unloaded_is_forgotten_with_its_deployment(
    deployments: Deployments, documents: MemoryDocuments
) -> None:
    deploy(deployments, "vic@1")
    Repository(documents, Selector()).set_aside(Deployment("demand", "vic", 1))
    deployments.undeploy("demand")
    assert documents.scan(ASIDE) == []


def test_an_observation_counts_for_its_own_generation_alone() -> None:
    desired = Deployment("demand", "vic", 1, generation=2)
    assert standing(desired, None).state == "pending"
    assert standing(desired, Observed("demand", 1, State.READY)).state == "pending"
    failed = standing(desired, Observed("demand", 2, State.FAILED, "no such file"))
    assert (failed.state, failed.message) == ("failed", "no such file")


def test_pages_go_by_name(deployments: Deployments) -> None:
    for name in ("a", "b", "c"):
        deployments.deploy(name, ModelReference("vic", "1"), DEFAULT_TENANT, LEVEL)
    assert [one.desired.name for one in deployments.page("a", 1)] == ["b"]


def test_what_is_not_there_is_named(deployments: Deployments) -> None:
    with pytest.raises(NotFound, match="'ghost'"):
        deployments.get("ghost")
    with pytest.raises(NotFound, match="'ghost'"):
        deployments.undeploy("ghost")
    with pytest.raises(NotFound, match="version 9"):
        deploy(deployments, "vic@9")
    with pytest.raises(InvalidInput, match="deployment name"):
        deployments.deploy("no name", ModelReference("vic", "1"), DEFAULT_TENANT, LEVEL)
