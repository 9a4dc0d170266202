"""Who may bring a training script."""

import pytest

from lichen.api.admin_scripts import checked_script
from lichen.core.errors import Forbidden, InvalidInput
from lichen.protocol.training import ScriptTraining
from lichen.security.identity import Role

ASKED = ScriptTraining(data="rows", source="pass", filename="x.py")


@pytest.mark.parametrize(
    ("role", "scripts"),
    [(Role.ADMIN, "admin"), (Role.ADMIN, "operator"), (Role.OPERATOR, "operator")],
)
def test_whom_the_setting_names_may(role: Role, scripts: str) -> None:
    checked_script(ASKED, role, scripts)


@pytest.mark.parametrize(
    ("role", "scripts", "who"),
    [
        (Role.OPERATOR, "admin", "from the role 'admin' alone"),
        (Role.PREDICTOR, "operator", "from the role 'operator' alone"),
        (Role.ADMIN, "none", "from nobody"),
    ],
)
def test_others_are_refused_and_told_which_setting_helps(
    role: Role, scripts: str, who: str
) -> None:
    with pytest.raises(Forbidden) as refused:
        checked_script(ASKED, role, scripts)
    assert who in str(refused.value)
    assert 'scripts = "operator" under [security]' in str(refused.value)


def test_what_cannot_run_is_refused_too() -> None:
    asked = ScriptTraining(data="rows", source="if", filename="x.py")
    with pytest.raises(InvalidInput, match=r"line 1 of x\.py"):
        checked_script(asked, Role.ADMIN, "admin")
