"""The servers that are compared: how each is started on one model, alone on the servers' core."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contest import ours
from contest.bodies import Form
from contest.environments import python_of
from contest.models import Model
from contest.processes import HOST, Address, Server, free_port, launch

APPS = Path(__file__).parent / "apps"
Starts = Callable[[Model, Path, Path], Server]


@dataclass(frozen=True)
class Peer:
    """A server: `environment` names its requirements, None where it runs on ours."""

    name: str
    start: Starts
    packages: tuple[str, ...]
    environment: str | None = None
    forms: tuple[Form, ...] = (Form.JSON,)
    says: str = ""


def _echo(model: Model, _models: Path, folder: Path) -> Server:
    address = _address(model)
    return launch([sys.executable, str(APPS / "echo.py"), str(address.port)], address, folder, {})


def _fastapi(app: str) -> Starts:
    def start(model: Model, models: Path, folder: Path) -> Server:
        address = _address(model)
        command = [str(python_of("fastapi")), "-m", "uvicorn", f"{app}:app", "--host", HOST]
        command += ["--port", str(address.port), "--no-access-log", "--log-level", "warning"]
        return launch(command, address, folder, _variables(model, models))

    return start


def _flask(model: Model, models: Path, folder: Path) -> Server:
    address = _address(model)
    command = [str(python_of("gunicorn")), "-m", "gunicorn", "flask_app:app", "--workers", "1"]
    command += ["--worker-class", "gthread", "--threads", "16", "--keep-alive", "60"]
    command += ["--bind", f"{HOST}:{address.port}", "--log-level", "warning"]
    return launch(command, address, folder, _variables(model, models))


def _mlserver(model: Model, models: Path, folder: Path) -> Server:
    address = _address(model)
    told = {
        "debug": False,
        "host": HOST,
        "http_port": address.port,
        "grpc_port": free_port(),
        "metrics_port": free_port(),
        "parallel_workers": 0,
    }
    served = {
        "name": model.name,
        "implementation": "mlserver_app.Infer",
        "parameters": {"uri": str(model.file(models))},
    }
    (folder / "settings.json").write_text(json.dumps(told))
    (folder / "model-settings.json").write_text(json.dumps(served))
    command = [str(python_of("mlserver").with_name("mlserver")), "start", "."]
    return launch(command, address, folder, _variables(model, models))


def _litserve(model: Model, models: Path, folder: Path) -> Server:
    address = _address(model)
    command = [str(python_of("litserve")), str(APPS / "litserve_app.py")]
    command += [str(address.port), address.path]
    return launch(command, address, folder, _variables(model, models))


def _mosec(model: Model, models: Path, folder: Path) -> Server:
    address = _address(model)
    command = [str(python_of("mosec")), str(APPS / "mosec_app.py"), "--address", HOST]
    command += ["--port", str(address.port), "--log-level", "warning", "--timeout", "30000"]
    variables = {**_variables(model, models), "ROUTE": address.path}
    return launch(command, address, folder, variables)


def _address(model: Model) -> Address:
    return Address(free_port(), f"/v2/models/{model.name}/infer")


def _variables(model: Model, models: Path) -> dict[str, str]:
    return {"MODEL": str(model.file(models)), "PYTHONPATH": str(APPS)}


OURS, ECHO = "lichen", "echo"
PEERS = (
    Peer(
        OURS,
        ours.start,
        ("lichen", "uvicorn", "onnxruntime"),
        forms=(Form.JSON, Form.BINARY),
        says="key, metrics and receipts on; no memory arena in ONNX Runtime",
    ),
    Peer(ECHO, _echo, ("uvicorn",), says="answers the body with itself on our HTTP stack"),
    Peer(
        "fastapi",
        _fastapi("fastapi_app"),
        ("fastapi", "uvicorn", "pydantic", "onnxruntime"),
        "fastapi",
        says="async handler, typed body and answer, uvloop and httptools, no access log",
    ),
    Peer(
        "fastapi-lean",
        _fastapi("fastapi_lean_app"),
        ("fastapi", "uvicorn", "orjson", "onnxruntime"),
        "fastapi",
        says="the same with the raw body through orjson",
    ),
    Peer(
        "flask",
        _flask,
        ("flask", "gunicorn", "onnxruntime"),
        "gunicorn",
        says="gunicorn, 1 worker of 16 threads, connections kept",
    ),
    Peer(
        "mlserver",
        _mlserver,
        ("mlserver", "fastapi", "onnxruntime"),
        "mlserver",
        forms=(Form.JSON, Form.BINARY),
        says="a custom runtime with its NumPy codec, 0 parallel workers, debug off",
    ),
    Peer(
        "litserve",
        _litserve,
        ("litserve", "fastapi", "onnxruntime"),
        "litserve",
        says="1 worker, as it comes: its batches and its faster queue cost more here",
    ),
    Peer(
        "mosec",
        _mosec,
        ("mosec", "orjson", "onnxruntime"),
        "mosec",
        says="1 worker, batches of up to 16 requests or 1 ms, orjson",
    ),
)
DEFAULT = (OURS, ECHO, "fastapi", "mlserver", "mosec")
