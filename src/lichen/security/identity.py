"""Who is calling: a principal of a tenant, with one role."""

from dataclasses import dataclass
from enum import StrEnum

from lichen.core.ids import TenantId


class Role(StrEnum):
    """What a principal is there for; `policy` says what each may do."""

    ADMIN = "admin"
    OPERATOR = "operator"
    PREDICTOR = "predictor"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or program that calls, once its key was checked."""

    name: str
    tenant: TenantId
    role: Role
