"""From a document in the store to the predictor that answers, with nothing loaded again."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import Thread

import msgspec
import numpy as np
import pytest

from lichen.core.batch import Array, Batch
from lichen.serving.charging import NoMetering
from lichen.serving.deployment import DEPLOYMENTS, Deployment
from lichen.serving.forecaster import ForecastPredictor
from lichen.serving.residency.watcher import Watcher
from lichen.serving.residency.workshop import Workshop
from lichen.serving.selector import Selector
from lichen.serving.widths import WIDTHS, Adapted
from lichen.store.documents import Change, MemoryDocuments

Makes = Callable[..., ForecastPredictor]
UNTIL = datetime(2026, 1, 1, tzinfo=UTC)


class House:
    """A watcher over a store, and a shelf of forecasters that counts what it gave."""

    def __init__(self, loop: asyncio.AbstractEventLoop, makes: Makes) -> None:
        self.makes = makes
        self.loaded = 0
        self.documents = MemoryDocuments()
        self.selector = Selector()
        self.watcher = Watcher(self.documents, self.selector, Workshop(self, NoMetering(), loop))

    def load(self, deployment: Deployment) -> ForecastPredictor:
        assert deployment.model == "m"
        self.loaded += 1
        return self.makes()

    def write(self, collection: str, key: str, record: object) -> None:
        body = record if isinstance(record, bytes) else msgspec.json.encode(record)
        self.documents.commit([Change(collection, key, body)])
        self.watcher.poll()
        assert self.watcher.settle(20.0)

    def deploy(self, version: int = 1) -> None:
        self.write(DEPLOYMENTS, "d", Deployment("d", "m", version, generation=version))

    def answer(self) -> tuple[Array, Array]:
        """The mean, and how wide its outermost interval is."""
        history = np.full((1, 4, 1), 5.0, dtype=np.float32)
        start = np.array([b"2026-01-01T00:00:00Z"], dtype=np.object_)
        predictor = self.selector.choose("d").replica.predictor
        said = predictor.predict(Batch({"history": history, "start": start}))
        return said["mean"], said["quantiles"][..., -1] - said["quantiles"][..., 0]


@pytest.fixture
def house(forecaster: Makes) -> Iterator[House]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    made = House(loop, forecaster)
    yield made
    made.watcher.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def adapted(factor: float, version: int = 1) -> Adapted:
    return Adapted("m", version, (factor,), 7, UNTIL)


def test_a_changed_width_is_put_on_what_is_served(house: House) -> None:
    house.deploy()
    mean, own = house.answer()
    house.write(WIDTHS, "d", adapted(2.0))
    same, wide = house.answer()
    np.testing.assert_array_equal(mean, same)
    np.testing.assert_allclose(wide, 2 * own, rtol=1e-4)
    house.write(WIDTHS, "d", adapted(0.5))
    np.testing.assert_allclose(house.answer()[1], own / 2, rtol=1e-4)
    assert house.loaded == 1


def test_a_width_that_stands_is_there_from_the_first_answer(house: House) -> None:
    house.write(WIDTHS, "d", adapted(3.0))
    house.deploy()
    np.testing.assert_allclose(house.answer()[1], 0.6, rtol=1e-4)


def test_another_version_starts_at_its_own_table(house: House) -> None:
    house.deploy()
    house.write(WIDTHS, "d", adapted(2.0))
    house.deploy(version=2)
    np.testing.assert_allclose(house.answer()[1], 0.2, rtol=1e-4)
    house.write(WIDTHS, "d", adapted(1.5, version=2))
    np.testing.assert_allclose(house.answer()[1], 0.3, rtol=1e-4)


@pytest.mark.parametrize("broken", [b"{}", b"no JSON", Adapted("m", 1, (2.0, 2.0), 1, UNTIL)])
def test_a_width_that_cannot_be_used_keeps_nothing_from_serving(
    house: House, broken: object
) -> None:
    house.deploy()
    house.write(WIDTHS, "d", broken)
    np.testing.assert_allclose(house.answer()[1], 0.2, rtol=1e-4)
