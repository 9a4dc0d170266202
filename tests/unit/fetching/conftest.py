"""Everything that tests of pulls share: a policy for this machine, and a pull without pauses."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest

from lichen.fetching.addresses import networks
from lichen.fetching.policy import Policy
from lichen.fetching.web import Credentials, Web

Opener = Callable[..., Web]


@pytest.fixture
def pauses() -> list[float]:
    """The pauses that were made, in seconds; none takes any time."""
    return []


@pytest.fixture
def policy() -> Policy:
    return Policy(networks=networks("127.0.0.0/8,::1/128"), allows_http=True, stall_seconds=5.0)


@pytest.fixture
def opened(policy: Policy, pauses: list[float]) -> Iterator[Opener]:
    with ExitStack() as open_ones:

        def opened(credentials: Credentials | None = None, **changes: object) -> Web:
            web = Web(replace(policy, **changes), credentials, pause=pauses.append)  # type: ignore[arg-type]
            return open_ones.enter_context(closing(web))

        yield opened
