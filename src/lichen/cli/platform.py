"""The platform that this command line speaks to: found by settings, closed at the end."""

from collections.abc import Iterator
from contextlib import contextmanager

from lichen.client.connection import Lichen, connect
from lichen.server.settings import load


@contextmanager
def open_platform() -> Iterator[Lichen]:
    """A client of the platform that settings name; by default the one of this user's home.

    Raises:
        InvalidInput: a setting or the key file is not usable.
    """
    settings = load()
    with connect(settings.client.url, settings.client.key, settings.home) as platform:
        yield platform
