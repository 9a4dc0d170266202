"""`/deployments`: names that clients call, and the version behind each."""

from lichen.api.admin_routes import PAGE, Parameter, Plane, Question, Route
from lichen.api.admin_views import deployment_view
from lichen.control.state import Standing
from lichen.core.errors import InvalidInput, NotFound
from lichen.core.ids import ModelReference, TenantId
from lichen.protocol.admin import Deployment, DeploymentRequest, NewestInput, Page
from lichen.security.policy import Action, Kind
from lichen.serving.deployment import Cheaper, Placement, ServiceLevel

_ONE = "/deployments/{name}"


def deploy(plane: Plane, question: Question) -> Deployment:
    """Let a name serve a version."""
    request = question.body
    if not isinstance(request, DeploymentRequest):
        raise InvalidInput('the body is missing: send {"model": "NAME@V"}')
    standing = plane.deployments.deploy(
        question.path["name"],
        ModelReference.parse(request.model),
        _tenant(plane, question),
        ServiceLevel(request.min_quality, request.p95_ms, request.batch_wait_ms),
        Placement(request.threads, request.device),
        _cheaper(request),
    )
    return deployment_view(standing)


def index(plane: Plane, question: Question) -> Page[Deployment]:
    """Deployments by name."""
    found = plane.deployments.page(question.cursor, question.limit)
    return Page(
        items=[deployment_view(one) for one in found if question.sees(one.desired.tenant)],
        next=found[-1].desired.name if len(found) == question.limit else None,
    )


def show(plane: Plane, question: Question) -> Deployment:
    """One deployment."""
    return deployment_view(_found(plane, question, Action.READ))


def undeploy(plane: Plane, question: Question) -> None:
    """Stop serving a name."""
    plane.deployments.undeploy(_found(plane, question, Action.CHANGE).desired.name)


def newest_input(plane: Plane, question: Question) -> NewestInput:
    """The request that forecasts from the newest rows."""
    standing = _found(plane, question, Action.READ)
    return plane.newest_input(standing.desired.reference, question.query)


def _cheaper(request: DeploymentRequest) -> Cheaper | None:
    if request.cheaper is not None:
        return Cheaper(request.cheaper, request.cheaper_quality)
    if request.cheaper_quality is not None:
        raise InvalidInput("cheaper_quality says how good the cheaper deployment is: name it")
    return None


def _tenant(plane: Plane, question: Question) -> TenantId:
    """Who pays: the caller, or whose deployment of this name it is; nobody takes another's."""
    try:
        return _found(plane, question, Action.CHANGE).desired.tenant
    except NotFound:
        return question.principal.tenant


def _found(plane: Plane, question: Question, action: Action) -> Standing:
    standing = plane.deployments.get(question.path["name"])
    plane.gate.admit(question.principal, action, Kind.DEPLOYMENT, standing.desired.tenant)
    return standing


ROUTES = (
    Route(
        "PUT",
        _ONE,
        "Let a name serve a model version",
        Kind.DEPLOYMENT,
        Action.CHANGE,
        deploy,
        answer=Deployment,
        body=DeploymentRequest,
    ),
    Route(
        "GET",
        "/deployments",
        "Deployments",
        Kind.DEPLOYMENT,
        Action.READ,
        index,
        answer=Page[Deployment],
        query=PAGE,
    ),
    Route("GET", _ONE, "One deployment", Kind.DEPLOYMENT, Action.READ, show, answer=Deployment),
    Route("DELETE", _ONE, "Stop serving a name", Kind.DEPLOYMENT, Action.CHANGE, undeploy),
    Route(
        "GET",
        f"{_ONE}/newest-input",
        "The inference request that forecasts from the newest rows of the model's dataset",
        Kind.DEPLOYMENT,
        Action.READ,
        newest_input,
        answer=NewestInput,
        query=(
            Parameter(
                "start", "First step to predict, RFC 3339; after the newest row unless said."
            ),
        ),
    ),
)
