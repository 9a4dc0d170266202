"""Training scripts at the door: who may bring one, and what is refused before a job is made."""

from lichen.core.errors import Forbidden
from lichen.protocol.training import ScriptTraining
from lichen.security.identity import Role
from lichen.training.scripts.source import check_script

_ALLOWED = {"admin": (Role.ADMIN,), "operator": (Role.ADMIN, Role.OPERATOR)}
"""Roles by the value of the setting `scripts`; any other value allows none."""


def checked_script(asked: ScriptTraining, role: Role, scripts: str) -> None:
    """Refuse a script that may not be run, or cannot.

    Args:
        asked: the training.
        role: of who asks.
        scripts: the setting.

    Raises:
        Forbidden: the caller may bring none.
        InvalidInput: it cannot be run.
    """
    allowed = _ALLOWED.get(scripts, ())
    if role not in allowed:
        who = f"from the role {scripts!r} alone" if allowed else "from nobody"
        raise Forbidden(
            f"this platform takes training scripts {who}: ask its administrator, who may set "
            'scripts = "operator" under [security]'
        )
    check_script(asked)
