"""`/ledger`, `/meters`, `/zones`, `/platform`, `/health`: figures, and how they are made."""

from datetime import datetime

from lichen.api.admin_routes import PAGE, Parameter, Plane, Question, Route
from lichen.carbon.grids.averages import table
from lichen.carbon.ledger.tenant_books import Books, TenantBooks
from lichen.core.clock import parse_rfc3339
from lichen.core.errors import InvalidInput
from lichen.core.ids import TenantId
from lichen.protocol.admin import (
    AccountTotal,
    Health,
    Ledger,
    Meters,
    Page,
    Platform,
    Verification,
    Zone,
    ZoneIntensity,
)
from lichen.security.identity import Role
from lichen.security.policy import Action, Kind


def seen_books(plane: Plane, question: Question) -> Books:
    """The ledger as the caller may see it: an admin whole, others without other tenants' names."""
    tenant = seen_tenant(question)
    return plane.ledger if tenant is None else TenantBooks(plane.ledger, tenant)


def seen_tenant(question: Question) -> TenantId | None:
    """Whose names alone the caller may see; None: an admin sees every tenant's."""
    caller = question.principal
    return None if caller.role is Role.ADMIN else caller.tenant


def ledger(plane: Plane, question: Question) -> Ledger:
    """What was booked to each account."""
    statement = seen_books(plane, question).statement(
        moment(question, "since"), moment(question, "until"), question.whole_number("as_of")
    )
    return Ledger(
        accounts=[
            AccountTotal(account=one.account, nj=one.nj, ng=one.ng) for one in statement.accounts
        ],
        entry=statement.as_of,
    )


def verify_ledger(plane: Plane, question: Question) -> Verification:  # noqa: ARG001 - a handler
    """Whether the chain and the sums hold."""
    found = plane.ledger.verify()
    return Verification(sound=not found, findings=[one.what for one in found])


def meters(plane: Plane, question: Question) -> Meters:  # noqa: ARG001 - a handler
    """The meter that is read and what it says now."""
    return plane.meters()


def zones(plane: Plane, question: Question) -> Page[Zone]:  # noqa: ARG001 - a handler
    """Yearly averages that ship with the package."""
    later = sorted(zone for zone in table() if zone > question.cursor)
    shown = later[: question.limit]
    rows = [table()[zone] for zone in shown]
    return Page(
        items=[
            Zone(
                zone=row.zone,
                name=row.name,
                g_per_kwh=row.g_per_kwh,
                year=row.year,
                source=row.source,
            )
            for row in rows
        ],
        next=shown[-1] if len(later) > len(shown) else None,
    )


def zone(plane: Plane, question: Question) -> ZoneIntensity:
    """What each source of intensity says of one zone now."""
    return plane.zone(question.path["zone"])


def platform(plane: Plane, question: Question) -> Platform:  # noqa: ARG001 - a handler
    """Version, addresses, zone."""
    return plane.platform()


def health(plane: Plane, question: Question) -> Health:  # noqa: ARG001 - a handler
    """Whether the control plane can do its work."""
    plane.documents.revision()
    return Health(status="ready")


def moment(question: Question, name: str) -> datetime | None:
    """A query parameter that is a time, if it is there.

    Raises:
        InvalidInput: it is something else.
    """
    text = question.query.get(name)
    if text is None:
        return None
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise InvalidInput(f"the query parameter {name!r} is no time: {error}") from error


ROUTES = (
    Route(
        "GET",
        "/ledger",
        "Accounts of energy and carbon, which sum to zero",
        Kind.LEDGER,
        Action.READ,
        ledger,
        answer=Ledger,
        query=(
            Parameter("since", "From this time on, RFC 3339."),
            Parameter("until", "Before this time, RFC 3339."),
            Parameter("as_of", "Up to this sealed entry; equal for ever.", kind="integer"),
        ),
    ),
    Route(
        "GET",
        "/ledger/verify",
        "Whether the ledger's chain and sums hold",
        Kind.LEDGER,
        Action.READ,
        verify_ledger,
        answer=Verification,
    ),
    Route(
        "GET", "/meters", "Meters and their rate", Kind.PLATFORM, Action.READ, meters, answer=Meters
    ),
    Route(
        "GET",
        "/zones",
        "Zones with their yearly averages",
        Kind.PLATFORM,
        Action.READ,
        zones,
        answer=Page[Zone],
        query=PAGE,
    ),
    Route(
        "GET",
        "/zones/{zone}",
        "A zone's intensity now, by every source in order",
        Kind.PLATFORM,
        Action.READ,
        zone,
        answer=ZoneIntensity,
    ),
    Route(
        "GET",
        "/platform",
        "This platform: version, addresses, zone",
        Kind.PLATFORM,
        Action.READ,
        platform,
        answer=Platform,
    ),
    Route(
        "GET",
        "/health",
        "Whether the control plane does its work",
        Kind.PLATFORM,
        Action.READ,
        health,
        answer=Health,
        public=True,
    ),
)
