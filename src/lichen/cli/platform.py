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
    said = settings.client
    files = said.ca, said.certificate, said.certificate_key
    with connect(said.url, said.key, settings.home, *files) as platform:
        yield platform
