from itertools import product

import pytest

from lichen.core.errors import Forbidden
from lichen.core.ids import TenantId
from lichen.security.identity import Principal, Role
from lichen.security.policy import Action, Kind, Resource, demand, may

HERE, THERE = TenantId("here"), TenantId("there")
WORK = {Kind.DATASET, Kind.MODEL, Kind.DEPLOYMENT, Kind.JOB}
SHOWN = WORK | {Kind.LEDGER, Kind.BUDGET, Kind.PLATFORM}
EXPECTED: dict[Role, dict[Action, set[Kind]]] = {
    Role.VIEWER: {Action.READ: SHOWN, Action.PREDICT: set(), Action.CHANGE: set()},
    Role.PREDICTOR: {
        Action.READ: {Kind.MODEL, Kind.DEPLOYMENT, Kind.PLATFORM},
        Action.PREDICT: {Kind.DEPLOYMENT},
        Action.CHANGE: set(),
    },
    Role.OPERATOR: {Action.READ: SHOWN, Action.PREDICT: {Kind.DEPLOYMENT}, Action.CHANGE: WORK},
    Role.ADMIN: {
        Action.READ: set(Kind),
        Action.PREDICT: {Kind.DEPLOYMENT},
        Action.CHANGE: set(Kind),
    },
}


@pytest.mark.parametrize(("role", "action", "kind"), list(product(Role, Action, Kind)))
def test_the_whole_table(role: Role, action: Action, kind: Kind) -> None:
    allowed = kind in EXPECTED[role][action]
    principal = Principal("someone", HERE, role)
    assert may(principal, action, Resource(kind, HERE)) is allowed
    assert may(principal, action, Resource(kind, THERE)) is (allowed and role is Role.ADMIN)
    shared = allowed and (role is Role.ADMIN or action is Action.READ)
    assert may(principal, action, Resource(kind)) is shared


def test_a_refusal_says_who_what_and_what_to_do() -> None:
    viewer = Principal("ana", HERE, Role.VIEWER)
    with pytest.raises(Forbidden, match="ana \\(viewer of here\\) may not change this model: ask"):
        demand(viewer, Action.CHANGE, Resource(Kind.MODEL, HERE))
    demand(viewer, Action.READ, Resource(Kind.MODEL, HERE))
