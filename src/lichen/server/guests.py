"""Guests as this platform's settings allow them, for the data plane and for jobs."""

from pathlib import Path

from lichen.frameworks.language.residents import Resident
from lichen.server.framework_environments import builds_environments, framework_python
from lichen.server.home import Home
from lichen.server.sections import Settings
from lichen.server.settings import inherited_environment
from lichen.serving.charging import Charges, HostMetering
from lichen.serving.guests.environments import Environments
from lichen.serving.guests.keeper import Patience
from lichen.serving.guests.starting import GuestRules, Guests, no_environments

_SHARE_OF_LOAD = 0.9
"""A guest that does not load is stopped before its deployment is called failed for that."""


def open_guests(settings: Settings, metering: HostMetering) -> Guests:
    """Guests in the home's folders; what dead processes left there is removed."""
    home, limits = Home(settings.home), settings.limits
    environments = Environments(home.environments, inherited_environment())
    patience = Patience(limits.guest_seconds, load_seconds=_SHARE_OF_LOAD * limits.load_seconds)
    rules = GuestRules(settings.security.custom_predictors, limits.guest_memory_mb, patience)

    def builds_python(resident: Resident, charges: Charges) -> Path:
        if not resident.environment or not builds_environments(settings):
            return no_environments(resident, charges)
        return framework_python(resident.environment, resident.extra, settings, charges)

    guests = Guests(home.guests, environments, metering, rules, builds_python)
    guests.clear_away()
    return guests
