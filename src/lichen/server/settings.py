"""Settings: the only file that reads the environment; one frozen tree comes out.

Read in this order, later ones winning: the defaults of `sections`, `lichen.toml` in the home,
`LICHEN_*` environment variables, flags. An unknown key is refused by its name. Each setting is a
field with its own sentence; `docs/reference/settings.md` is generated from them.
"""

import math
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, get_args

from platformdirs import user_data_path

from lichen.core.errors import InvalidInput
from lichen.energy.runtime import host_runtime_folder
from lichen.server.sections import Settings
from lichen.server.setting import Value

PREFIX = "LICHEN_"
SETTINGS_FILE = "lichen.toml"
_SET_BY_KUBERNETES = re.compile(r"LICHEN_(SERVICE_.*|PORT(_.*)?)")
"""Variables that Kubernetes sets in each container for a service called `lichen`."""

HOME_SAYS = "Folder that holds all state of the platform; not settable in the file that it holds."
RUNTIME_SAYS = (
    "Host-wide folder of the meter lock, the meter page and the counters (M3). Default: "
    "`/run/lichen` for root, else `/run/user/UID/lichen` if possible, else `/tmp/lichen-UID`."
)
_ROOT_SETTINGS = {"home": HOME_SAYS, "runtime": RUNTIME_SAYS}


@dataclass(frozen=True, slots=True)
class Documented:
    """One setting as the reference page shows it; `section` is empty at the root."""

    section: str
    name: str
    kind: str
    default: str
    says: str
    choices: tuple[str, ...]

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.upper()


def sections() -> dict[str, Any]:
    """Each section's name and its defaults."""
    return {one.name: one.default for one in fields(Settings) if one.name not in _ROOT_SETTINGS}


def documented() -> Iterator[Documented]:
    """Every setting there is, in the order of the tree."""
    for name, says in _ROOT_SETTINGS.items():
        yield Documented("", name, "path", "(computed)", says, ())
    for section, defaults in sections().items():
        for one in fields(defaults):
            yield Documented(
                section,
                one.name,
                _base_type(one).__name__.lower(),
                "unset" if one.default is None else _as_shown(one.default),
                one.metadata["says"],
                one.metadata["choices"],
            )


def default_home() -> Path:
    """The platform's user data directory."""
    return Path(user_data_path("lichen", appauthor=False))


def load(
    flags: Mapping[str, Value] | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """The settings of this process: file < environment < flags (those that are not None).

    Args:
        flags: values by the setting's own name, such as `{"home": Path("/x"), "http": 0}`.
        environment: what to read instead of this process's environment.

    Raises:
        InvalidInput: a key is unknown or a value is not usable; the message names both.
    """
    variables: dict[str, Value] = dict(
        _variables(os.environ if environment is None else environment)
    )
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    for name in given:
        _known(name, f"flag {name!r}")
    home = _folder(given.pop("home", None) or variables.pop("home", None) or default_home())
    values: dict[str, Value] = {**_from_file(home / SETTINGS_FILE), **variables, **given}
    runtime = _folder(values.pop("runtime", None) or host_runtime_folder())
    built = {
        section: replace(defaults, **_of_section(defaults, values))
        for section, defaults in sections().items()
    }
    return Settings(home, runtime, **built)


def inherited_environment() -> dict[str, str]:
    """This process's environment without our settings: what a child needs beside them."""
    return {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)}


def as_environment(settings: Settings) -> dict[str, str]:
    """Variables from which a child process loads exactly these settings, whatever the file says."""
    found = {"home": str(settings.home), "runtime": str(settings.runtime)}
    for section in sections():
        if section != "client":
            part = getattr(settings, section)
            found |= {one.name: _as_text(getattr(part, one.name)) for one in fields(part)}
    return {PREFIX + name.upper(): text for name, text in found.items()}


def _folder(value: Value) -> Path:
    return Path(str(value)).expanduser().absolute()


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for variable, text in environment.items():
        if variable.startswith(PREFIX) and not _SET_BY_KUBERNETES.fullmatch(variable):
            name = variable.removeprefix(PREFIX).lower()
            _known(name, f"environment variable {variable}")
            found[name] = text
    return found


def _from_file(path: Path) -> dict[str, Value]:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}; correct or remove it") from error
    found: dict[str, Value] = {}
    for key, part in tree.items():
        if key == "runtime":
            found[key] = part
            continue
        if key not in sections() or not isinstance(part, dict):
            raise InvalidInput(
                f"{path}: {key!r} is no section; the sections are {', '.join(sections())}"
            )
        for name, value in part.items():
            _known(name, f"{path}: key {key}.{name}", section=key)
            found[name] = value
    return found


def _known(name: str, where: str, *, section: str | None = None) -> None:
    known = [one.name for one in documented() if section in (None, one.section)]
    if name in known:
        return
    near = get_close_matches(name, known, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    raise InvalidInput(f"{where} is not a setting; {remedy}")


def _of_section(defaults: Any, values: Mapping[str, Value]) -> dict[str, Value]:  # noqa: ANN401
    return {
        one.name: _checked(one, values[one.name]) for one in fields(defaults) if one.name in values
    }


def _checked(one: Field[Any], value: Value) -> Value:
    if value == "" and _is_optional(one):
        return None
    wanted = _base_type(one)
    if wanted is bool:
        return _boolean(one.name, value)
    try:
        typed: Value = wanted(str(value))
    except ValueError as error:
        raise InvalidInput(
            f"setting {one.name} is {value!r}, which is no {wanted.__name__.lower()}"
        ) from error
    choices = one.metadata["choices"]
    if choices and typed not in choices:
        raise InvalidInput(f"setting {one.name} is {value!r}; choose one of {', '.join(choices)}")
    if isinstance(typed, int | float):
        _check_range(one, typed, value)
    return typed


def _boolean(name: str, value: Value) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise InvalidInput(f"setting {name} is {value!r}; choose one of true, false")
    return text == "true"


def _check_range(one: Field[Any], number: float, value: Value) -> None:
    least, most = one.metadata["least"], one.metadata["most"]
    if least is not None and not number >= least:
        raise InvalidInput(f"setting {one.name} is {value!r}; it must be at least {least:g}")
    if number > most or math.isinf(number):
        wanted = "a finite number" if math.isinf(most) else f"at most {most:g}"
        raise InvalidInput(f"setting {one.name} is {value!r}; it must be {wanted}")


def _is_optional(one: Field[Any]) -> bool:
    return isinstance(one.type, UnionType)


def _base_type(one: Field[Any]) -> type[Any]:
    declared: Any = get_args(one.type)[0] if _is_optional(one) else one.type
    return declared  # type: ignore[no-any-return]


def _as_shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _as_text(value: Value) -> str:
    return "" if value is None else str(value)
