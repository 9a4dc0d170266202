"""What the data plane's poller does when a deployment keeps failing."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lichen.api.gate import Gate
from lichen.core.clock import SystemClock
from lichen.core.errors import Unauthenticated, Unavailable
from lichen.core.ids import DEFAULT_TENANT
from lichen.security.identity import Principal, Role
from lichen.security.tokens import KeyRing, Keys
from lichen.server.dataplane import Poller
from lichen.server.pricing import pricing
from lichen.server.sections import CarbonSettings
from lichen.store.documents import MemoryDocuments

PATIENCE_SECONDS = 60.0


class Stuck:
    """A watcher whose store is busy whenever it looks."""

    def poll(self) -> bool:
        raise Unavailable("the store is held by another writer")

    def close(self) -> None: ...


def test_a_revoked_key_is_refused_though_deployments_cannot_be_followed(tmp_path: Path) -> None:
    documents, clock = MemoryDocuments(), SystemClock()
    keys = Keys(documents, clock)
    key = keys.create(Principal("a", DEFAULT_TENANT, Role.PREDICTOR))
    gate = Gate(KeyRing(documents, clock))
    watcher: Any = Stuck()
    metering: Any = SimpleNamespace(clock=clock, carbon=None)
    poller = Poller(documents, watcher, gate, metering, pricing(CarbonSettings(), tmp_path))
    assert opens(gate, key.token)
    poller.begin(lambda: None)
    keys.revoke(key.record.id)
    give_up = time.monotonic() + PATIENCE_SECONDS
    while opens(gate, key.token):
        assert time.monotonic() < give_up, "the key still opens"
        time.sleep(0.01)
    poller.stop()
    assert metering.carbon is not None


def opens(gate: Gate, token: str) -> bool:
    try:
        gate.identify(f"Bearer {token}")
    except Unauthenticated:
        return False
    return True
