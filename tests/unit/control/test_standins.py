"""Which deployment may stand in for another while a budget degrades, and how good it is (B1)."""

from pathlib import Path

import pytest

from lichen.control.standins import relative_quality
from lichen.control.state import Deployments
from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput, NotFound
from lichen.core.ids import DEFAULT_TENANT, Digest, ModelReference, TenantId
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import DatasetReference, Draft, Manifest, Metric
from lichen.serving.deployment import Cheaper, Deployment, ServiceLevel
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import MemoryDocuments

X = TensorSpec("x", Datatype.FP32, (-1, 1), unit="GW")
SIGNATURE = Signature((X,), (TensorSpec("y", Datatype.FP32, (-1, 1), unit="GW"),))
OTHER_UNIT = Signature((X,), (TensorSpec("y", Datatype.FP32, (-1, 1), unit="MW"),))
DATA = DatasetReference("load", 1, Digest("a" * 64))


class Registry:
    def __init__(self, folder: Path) -> None:
        documents = MemoryDocuments()
        self.catalog = Catalog(documents, LocalBlobs(folder), ManualClock())
        self.deployments = Deployments(documents, self.catalog)

    def register(
        self,
        model: str,
        *metrics: Metric,
        signature: Signature = SIGNATURE,
        data: DatasetReference | None = DATA,
    ) -> Manifest:
        draft = Draft(model, "forecast", "ridge", signature, "1", metrics, data)
        return self.catalog.register(draft, {"model.onnx": model.encode()})

    def deploy(
        self,
        name: str,
        cheaper: Cheaper | None = None,
        floor: float | None = None,
        tenant: TenantId = DEFAULT_TENANT,
    ) -> Deployment:
        made = self.deployments.deploy(
            name,
            ModelReference(name, "1"),
            tenant,
            ServiceLevel(min_quality=floor),
            cheaper=cheaper,
        )
        return made.desired


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    made = Registry(tmp_path)
    made.register("full", Metric("MAPE", 2.0, "%", "test"), Metric("coverage", 80, "%", "test"))
    made.register("small", Metric("MAPE", 2.5, "%", "test"), Metric("coverage", 8, "%", "test"))
    made.register("unknown", data=None)
    made.register("foreign", signature=OTHER_UNIT)
    for name in ("small", "unknown", "foreign"):
        made.deploy(name)
    return made


def test_its_quality_is_taken_from_the_scores_of_both(registry: Registry) -> None:
    assert registry.deploy("full", Cheaper("small")).cheaper == Cheaper("small", 0.8, "small@1")
    assert registry.deploy("full", Cheaper("small"), 0.79).cheaper is not None
    with pytest.raises(InvalidInput, match=r"small@1 has 0\.8 of the quality of full@1"):
        registry.deploy("full", Cheaper("small"), 0.81)


def test_a_stated_quality_holds_for_whatever_is_deployed_there(registry: Registry) -> None:
    said = registry.deploy("full", Cheaper("unknown", 0.9), 0.85)
    assert said.cheaper == Cheaper("unknown", 0.9, None)
    with pytest.raises(InvalidInput, match=r"unknown@1 has 0\.9 of the quality"):
        registry.deploy("full", Cheaper("unknown", 0.9), 0.95)


def test_unknown_quality_will_do_only_where_no_floor_is_asked(registry: Registry) -> None:
    assert registry.deploy("full", Cheaper("unknown")).cheaper is not None
    with pytest.raises(InvalidInput, match="state it with cheaper_quality"):
        registry.deploy("full", Cheaper("unknown"), 0.5)


def test_what_cannot_answer_the_same_requests_is_refused(registry: Registry) -> None:
    with pytest.raises(InvalidInput, match="same inputs, outputs and units"):
        registry.deploy("full", Cheaper("foreign"))
    with pytest.raises(InvalidInput, match="cannot stand in for itself"):
        registry.deploy("small", Cheaper("small"))
    with pytest.raises(NotFound, match="'ghost'"):
        registry.deploy("full", Cheaper("ghost"))
    with pytest.raises(InvalidInput, match="another tenant"):
        registry.deploy("full", Cheaper("small"), tenant=TenantId("south"))
    with pytest.raises(InvalidInput, match=r"cheaper_quality is 1\.5"):
        Cheaper("small", 1.5)


def test_a_change_of_who_stands_in_loads_no_model_anew(registry: Registry) -> None:
    plain = registry.deploy("full")
    changed = registry.deploy("full", Cheaper("small"))
    assert changed.generation == plain.generation + 1
    assert changed.runs_like(plain)


def test_scores_are_compared_on_the_same_rows_of_the_same_data_only(registry: Registry) -> None:
    catalog = registry.catalog
    full = catalog.resolve(ModelReference("full", "1"))
    assert relative_quality(full, full) == 1.0
    assert relative_quality(full, catalog.resolve(ModelReference("unknown", "1"))) is None
    other_rows = registry.register("a", Metric("MAPE", 1.0, "%", "validation"))
    assert relative_quality(full, other_rows) is None
    better = registry.register("b", Metric("MAPE", 1.0, "%", "test"))
    assert relative_quality(full, better) == 1.0
    scored = [registry.register(f"c{n}", Metric("R2", n / 10, None, "test")) for n in (8, 6)]
    assert relative_quality(scored[0], scored[1]) == pytest.approx(0.75)
    perfect = registry.register("d", Metric("MAPE", 0.0, "%", "test"))
    assert relative_quality(perfect, perfect) == 1.0
    assert relative_quality(perfect, better) == 0.0
