"""Guests as this platform's settings allow them, for the data plane and for jobs."""

from lichen.server.home import Home
from lichen.server.sections import Settings
from lichen.server.settings import inherited_environment
from lichen.serving.charging import HostMetering
from lichen.serving.guests.environments import Environments
from lichen.serving.guests.keeper import Patience
from lichen.serving.guests.starting import GuestRules, Guests

_SHARE_OF_LOAD = 0.9
"""A guest that does not load is stopped before its deployment is called failed for that."""


def open_guests(settings: Settings, metering: HostMetering) -> Guests:
    """Guests in the home's folders; what dead processes left there is removed."""
    home, limits = Home(settings.home), settings.limits
    environments = Environments(home.environments, inherited_environment())
    patience = Patience(limits.guest_seconds, load_seconds=_SHARE_OF_LOAD * limits.load_seconds)
    rules = GuestRules(settings.security.custom_predictors, limits.guest_memory_mb, patience)
    guests = Guests(home.guests, environments, metering, rules)
    guests.clear_away()
    return guests
