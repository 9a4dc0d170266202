"""Models of every framework: made by it, imported, served, and compared on 1000 inputs over HTTP.

`make check-frameworks` runs these. Each framework has an environment of its own under
`.venv-frameworks`, the very one that the platform builds for its converters where there is such.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from whole_platform import Command, Given, Platform, command, free_port, lichen, platform

from lichen.core.batch import Batch
from lichen.frameworks.importing.comparison import compared
from lichen.frameworks.importing.conversion import Trial
from lichen.frameworks.importing.environments import PinnedPackages, pinned_packages
from lichen.serving.guests.environments import Environments
from lichen.training.scripts.requirements import ONLY_WHEELS

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".venv-frameworks"
AT_ONCE = 50
LIST_OPTION = "--keep-list"

__all__ = ("command", "free_port", "lichen", "platform")
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """One model that was compared: a line of the list."""

    framework: str
    model: str
    format: str
    inputs: int
    largest_difference: float
    tolerance: float


_rows: list[Row] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(LIST_OPTION, default=None, help="write the list of models to this file")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:  # noqa: ANN401
    """The list, printed, and kept where that was asked for."""
    if not _rows:
        return
    head = "| framework | model | came as | inputs | largest difference | tolerance |"
    lines = [head, "|---|---|---|---|---|---|"]
    lines += [
        f"| {one.framework} | {one.model} | {one.format} | {one.inputs:,} "
        f"| {one.largest_difference:.1e} | {one.tolerance:.0e} |"
        for one in sorted(_rows, key=lambda one: (one.framework.lower(), one.model))
    ]
    terminalreporter.section("models that answer as at home")
    for line in lines:
        terminalreporter.write_line(line)
    kept = config.getoption(LIST_OPTION)
    if kept:
        Path(kept).write_text("\n".join(lines) + "\n", encoding="utf-8")


class _Uncharged:
    """Building an environment for a test is nobody's expense."""

    lane = None

    def finish(self) -> None:
        """Nothing is booked."""


def framework_python(name: str) -> Path:
    """The interpreter of a framework's environment, built once from its pins.

    Those of the platform's converters come first, then `environments/NAME.txt` beside this file.
    """
    listed = pinned_packages(name) or PinnedPackages(_pins(name).read_bytes(), None)
    made = Environments(ENVIRONMENTS, dict(os.environ), (), ONLY_WHEELS, "framework")
    return made.python(
        listed.hashed,
        lambda _pid: _Uncharged(),  # type: ignore[arg-type, return-value]
        listed.unhashed,
    )


@pytest.fixture(scope="session")
def packages_of() -> Callable[[str], Path]:
    """Where the packages of an environment stand, for a maker that needs those of two."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return lambda name: framework_python(name).parents[1] / "lib" / version / "site-packages"


def _pins(name: str) -> Path:
    return HERE / "environments" / f"{name}.txt"


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Run `makers/NAME.py FOLDER [WORDS]` with the Python of an environment; the folder.

    `environment=None` is this Python. A maker leaves the model, and `inputs.npz` and `outputs.npz`:
    1000 inputs and what its framework answers.
    """

    def ask(maker: str, environment: str | None, *words: str) -> Path:
        folder = tmp_path_factory.mktemp(maker)
        python = Path(sys.executable) if environment is None else framework_python(environment)
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        variables = {**os.environ, **threads, "CUDA_VISIBLE_DEVICES": ""}
        variables.pop("PYTHONPATH", None)
        command = [str(python), str(HERE / "makers" / f"{maker}.py"), str(folder), *words]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return folder

    return ask


@pytest.fixture(scope="session")
def platform_settings() -> Given:
    """The platform's converters and these tests share their environments."""
    return {"import_environments_folder": ENVIRONMENTS}


@pytest.fixture
def listed() -> Callable[[tuple[Any, ...]], None]:
    """Puts a line into the list, the fields of a `Row`, for what was asked in a way of its own."""
    return lambda fields: _rows.append(Row(*fields))


Faithful = Callable[..., Row]


@pytest.fixture
def faithful(platform: Platform, command: Command) -> Faithful:
    """Import and deploy a model by two commands, ask it all inputs over HTTP, and compare.

    Called with the framework's name, the path of the model, `inputs` and `outputs` by the names of
    its tensors, a tolerance as of `Trial`, and options of `lichen models import`.
    """

    def ask(
        framework: str,
        path: Path,
        inputs: Arrays,
        outputs: Arrays,
        tolerance: float,
        *options: str,
        is_one: bool = False,
    ) -> Row:
        name = f"{path.name.partition('.')[0]}-{len(_rows)}".lower().replace("_", "-")
        version_ = command("models", "import", path, "--name", name, *options)
        command("deploy", f"{name}@{version_['version']}", "--name", name)
        trial = Trial(inputs=inputs, outputs=outputs, tolerance=tolerance, is_one=is_one)
        found = answered(platform, name, trial)
        differs = compared(trial, Batch(found))
        command("undeploy", name)
        provenance = version_["provenance"] or {"format": version_["algorithm"]}
        row = Row(
            framework,
            path.name,
            provenance["format"],
            differs.inputs,
            differs.largest_difference,
            tolerance,
        )
        _rows.append(row)
        assert differs.largest_difference <= tolerance, (row, differs)
        return row

    return ask


def answered(platform: Platform, name: str, trial: Trial) -> dict[str, NDArray[Any]]:
    """What the deployment answers over the Open Inference Protocol, all rows of it."""
    rows = 1 if trial.is_one else len(next(iter(trial.inputs.values())))
    headers = {"Authorization": f"Bearer {platform.key}"}
    parts = []
    with httpx.Client(base_url=platform.http, headers=headers, timeout=120) as client:
        for first in range(0, rows, AT_ONCE):
            asked = {
                tensor: values if trial.is_one else values[first : first + AT_ONCE]
                for tensor, values in trial.inputs.items()
            }
            answer = client.post(f"/v2/models/{name}/infer", **_body(asked))
            assert answer.status_code == 200, answer.text
            parts.append({one["name"]: _read(one) for one in answer.json()["outputs"]})
    return {one: np.concatenate([part[one] for part in parts]) for one in parts[0]}


_DATATYPES = {
    "b1": "BOOL",
    "i1": "INT8",
    "i2": "INT16",
    "i4": "INT32",
    "i8": "INT64",
    "u1": "UINT8",
    "u2": "UINT16",
    "u4": "UINT32",
    "u8": "UINT64",
    "f2": "FP16",
    "f4": "FP32",
    "f8": "FP64",
}


def _body(asked: Arrays) -> dict[str, Any]:
    """JSON; numbers that it has no word for (NaN) go as binary tensors behind it."""
    binary = [name for name, values in asked.items() if _has_gaps(values)]
    inputs = [_sent(name, values) for name, values in asked.items() if name not in binary]
    if not binary:
        return {"json": {"inputs": inputs}}
    packed = [np.ascontiguousarray(asked[name]) for name in binary]
    inputs += [
        {
            "name": name,
            "shape": list(values.shape),
            "datatype": _DATATYPES[values.dtype.str[1:]],
            "parameters": {"binary_data_size": values.nbytes},
        }
        for name, values in zip(binary, packed, strict=True)
    ]
    head = json.dumps({"inputs": inputs}).encode()
    return {
        "content": head + b"".join(values.tobytes() for values in packed),
        "headers": {"Inference-Header-Content-Length": str(len(head))},
    }


def _has_gaps(values: NDArray[Any]) -> bool:
    return values.dtype.kind == "f" and not np.isfinite(values).all()


def _sent(name: str, values: NDArray[Any]) -> dict[str, object]:
    if values.dtype.kind == "O":
        data = [one.decode() if isinstance(one, bytes) else one for one in values.ravel()]
        return {"name": name, "shape": list(values.shape), "datatype": "BYTES", "data": data}
    datatype = _DATATYPES[values.dtype.str[1:]]
    shape = list(values.shape)
    return {"name": name, "shape": shape, "datatype": datatype, "data": values.ravel().tolist()}


def _read(output: dict[str, Any]) -> NDArray[Any]:
    shape, datatype = output["shape"], output["datatype"]
    if datatype == "BYTES":
        texts = np.empty(len(output["data"]), dtype=object)
        texts[:] = [one.encode() for one in output["data"]]
        return texts.reshape(shape)
    dtype = next(code for code, said in _DATATYPES.items() if said == datatype)
    data = [np.nan if value is None else value for value in output["data"]]
    return np.array(data, dtype=dtype).reshape(shape)
