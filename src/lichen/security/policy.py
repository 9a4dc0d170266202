"""What a principal may do: one pure function over a small table, deny by default."""

from dataclasses import dataclass
from enum import StrEnum

from lichen.core.errors import Forbidden
from lichen.core.ids import TenantId
from lichen.security.identity import Principal, Role


class Action(StrEnum):
    """What is asked for; `CHANGE` is to create, alter, cancel or delete."""

    READ = "read"
    PREDICT = "predict"
    CHANGE = "change"


class Kind(StrEnum):
    """What it is asked of."""

    DATASET = "dataset"
    MODEL = "model"
    DEPLOYMENT = "deployment"
    JOB = "job"
    LEDGER = "ledger"
    BUDGET = "budget"
    KEY = "key"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Resource:
    """Something of a tenant; `tenant` None is what all tenants share (meters, zones, version)."""

    kind: Kind
    tenant: TenantId | None = None


_WORK = frozenset({Kind.DATASET, Kind.MODEL, Kind.DEPLOYMENT, Kind.JOB})
_SHOWN = _WORK | {Kind.LEDGER, Kind.BUDGET, Kind.PLATFORM}

_ALLOWED: dict[tuple[Role, Action], frozenset[Kind]] = {
    (Role.VIEWER, Action.READ): _SHOWN,
    (Role.PREDICTOR, Action.READ): frozenset({Kind.MODEL, Kind.DEPLOYMENT, Kind.PLATFORM}),
    (Role.PREDICTOR, Action.PREDICT): frozenset({Kind.DEPLOYMENT}),
    (Role.OPERATOR, Action.READ): _SHOWN,
    (Role.OPERATOR, Action.PREDICT): frozenset({Kind.DEPLOYMENT}),
    (Role.OPERATOR, Action.CHANGE): _WORK,
    (Role.ADMIN, Action.READ): frozenset(Kind),
    (Role.ADMIN, Action.PREDICT): frozenset({Kind.DEPLOYMENT}),
    (Role.ADMIN, Action.CHANGE): frozenset(Kind),
}


def may(principal: Principal, action: Action, resource: Resource) -> bool:
    """Whether the table allows it. An admin acts in every tenant, others in their own alone.

    What all tenants share can be read by its readers, and changed by an admin only.
    """
    if resource.kind not in _ALLOWED.get((principal.role, action), frozenset()):
        return False
    if principal.role is Role.ADMIN or resource.tenant == principal.tenant:
        return True
    return resource.tenant is None and action is Action.READ


def demand(principal: Principal, action: Action, resource: Resource) -> None:
    """Pass, or refuse with a sentence.

    Raises:
        Forbidden: the principal may not do it.
    """
    if not may(principal, action, resource):
        raise Forbidden(
            f"{principal.name} ({principal.role} of {principal.tenant}) may not {action} "
            f"this {resource.kind}: ask an admin for a key with another role"
        )
