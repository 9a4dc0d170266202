"""`/savings`: what the platform's levers saved against a stated baseline."""

from lichen.api.admin_accounts import seen_tenant
from lichen.api.admin_reports import span
from lichen.api.admin_routes import Parameter, Plane, Question, Route
from lichen.carbon.reports.amounts import Amount
from lichen.carbon.reports.savings import Saving
from lichen.protocol.savings import LeverSaving, Savings
from lichen.security.policy import Action, Kind

_UNKNOWN = Amount(0, None, None)


def savings(plane: Plane, question: Question) -> Savings:
    """What was saved in a span."""
    as_of = question.whole_number("as_of")
    last, found = plane.levers.saved(
        span(question), as_of, is_live=as_of is None, tenant=seen_tenant(question)
    )
    return Savings(as_of=last, items=[saving_view(one) for one in found])


def saving_view(saving: Saving) -> LeverSaving:
    """What one lever saved."""
    energy, carbon = saving.energy or _UNKNOWN, saving.carbon or _UNKNOWN
    return LeverSaving(
        name=saving.name,
        label=saving.label,
        baseline=saving.baseline,
        method=saving.method,
        provenance=saving.provenance,
        nj=None if saving.energy is None else energy.value,
        nj_low=energy.low,
        nj_high=energy.high,
        ng=None if saving.carbon is None else carbon.value,
        ng_low=carbon.low,
        ng_high=carbon.high,
        absent=saving.absent or None,
    )


ROUTES = (
    Route(
        "GET",
        "/savings",
        "What levers saved against a stated baseline; booked nowhere, in no total",
        Kind.LEDGER,
        Action.READ,
        savings,
        answer=Savings,
        query=(
            Parameter("month", "The span as a month, YYYY-MM, in UTC."),
            Parameter("from", "The span from this time on, RFC 3339."),
            Parameter("to", "The span before this time, RFC 3339."),
            Parameter(
                "as_of",
                "Up to this sealed entry, equal for ever; without it with what was done since.",
                kind="integer",
            ),
        ),
    ),
)
