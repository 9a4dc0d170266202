"""`/budgets`: what may be spent, how much of it is left; `/alerts`: when it ran low."""

from lichen.api.admin_routes import PAGE, Plane, Question, Route
from lichen.api.budget_views import alert_view, budget_of, budget_view
from lichen.carbon.budgets.budget import Budget as Record
from lichen.core.errors import InvalidInput
from lichen.core.ids import TenantId
from lichen.protocol.admin import Page
from lichen.protocol.budgets import Budget, BudgetAlert, BudgetRequest, NewBudget
from lichen.security.policy import Action, Kind

_ONE = "/budgets/{name}"


def create(plane: Plane, question: Question) -> Budget:
    """Keep a budget whose name is new."""
    request = question.body
    if not isinstance(request, NewBudget):
        raise InvalidInput("the body is missing: send a budget with its name")
    record = _checked(plane, question, request.name, request)
    return _viewed(plane, plane.budgets.create(question.sender, record))


def put(plane: Plane, question: Question) -> Budget:
    """Keep a budget, in place of the one of its name."""
    request = question.body
    if not isinstance(request, BudgetRequest):
        raise InvalidInput("the body is missing: send a budget")
    record = _checked(plane, question, question.path["name"], request)
    return _viewed(plane, plane.budgets.put(record, lambda owner: _permit(plane, question, owner)))


def index(plane: Plane, question: Question) -> Page[Budget]:
    """The tenant's budgets, by name."""
    found = plane.budgets.page(question.cursor, question.limit)
    return Page(
        items=[_viewed(plane, one) for one in found if question.sees(one.tenant)],
        next=found[-1].name if len(found) == question.limit else None,
    )


def show(plane: Plane, question: Question) -> Budget:
    """One budget."""
    record = plane.budgets.get(question.path["name"])
    plane.gate.admit(question.principal, Action.READ, Kind.BUDGET, record.tenant)
    return _viewed(plane, record)


def remove(plane: Plane, question: Question) -> None:
    """Forget a budget."""
    plane.budgets.remove(question.path["name"], lambda owner: _permit(plane, question, owner))


def alerts(plane: Plane, question: Question) -> Page[BudgetAlert]:
    """The alerts of the tenant's budgets, by budget and time."""
    found = plane.budgets.alerts_page(question.cursor, question.limit)
    return Page(
        items=[alert_view(one) for one in found if question.sees(one.tenant)],
        next=found[-1].key if len(found) == question.limit else None,
    )


def _checked(plane: Plane, question: Question, name: str, request: BudgetRequest) -> Record:
    record = budget_of(name, request)
    asked = None if request.tenant is None else TenantId(request.tenant)
    owner = plane.budgets.owners.owner(record.scope, asked, question.principal.tenant)
    _permit(plane, question, owner)
    return budget_of(name, request, owner)


def _permit(plane: Plane, question: Question, owner: TenantId) -> None:
    plane.gate.admit(question.principal, Action.CHANGE, Kind.BUDGET, owner)


def _viewed(plane: Plane, record: Record) -> Budget:
    return budget_view(record, plane.budget_standing(record), plane.budgets.alerts_now(record))


ROUTES = (
    Route(
        "POST",
        "/budgets",
        "Set a budget whose name is new",
        Kind.BUDGET,
        Action.CHANGE,
        create,
        answer=Budget,
        body=NewBudget,
        status=201,
    ),
    Route(
        "PUT",
        _ONE,
        "Set a budget, in place of the one of its name",
        Kind.BUDGET,
        Action.CHANGE,
        put,
        answer=Budget,
        body=BudgetRequest,
    ),
    Route(
        "GET",
        "/budgets",
        "Budgets, with what is left of each",
        Kind.BUDGET,
        Action.READ,
        index,
        answer=Page[Budget],
        query=PAGE,
    ),
    Route("GET", _ONE, "One budget", Kind.BUDGET, Action.READ, show, answer=Budget),
    Route("DELETE", _ONE, "Forget a budget and its alerts", Kind.BUDGET, Action.CHANGE, remove),
    Route(
        "GET",
        "/alerts",
        "Alerts of budgets: 50, 80 and 100 % reached, once a period",
        Kind.BUDGET,
        Action.READ,
        alerts,
        answer=Page[BudgetAlert],
        query=PAGE,
    ),
)
