"""Checks by `schemathesis`; run by the clients' own interpreter, never imported by tests.

    python openapi_client.py HOST:PORT PREDICTOR_KEY OPERATOR_KEY ADMIN_KEY GRPC_HOST:PORT [FILE]

The protocol's HTTP form as an OpenAPI document, after the official one (open-inference-protocol,
specification/protocol/open_inference_rest.yaml), and requests made up from it, right ones and wrong
ones: whatever comes, the answer has a status, a type and a body that the document knows. With FILE,
the official document itself is asked for; its paths may say `${NAME}` or `{NAME}`.

Prints one JSON object: each check's name, and null or what went wrong.
"""

import sys
from pathlib import Path
from typing import Any

import hypothesis
import schemathesis  # type: ignore[import-not-found,unused-ignore]
import yaml  # type: ignore[import-untyped,unused-ignore]
from checking import tell
from schemathesis.checks import not_a_server_error  # type: ignore[import-not-found,unused-ignore]
from schemathesis.specs.openapi.checks import (  # type: ignore[import-not-found,unused-ignore]
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

ADDRESS, PREDICTOR = sys.argv[1:3]
FILES = sys.argv[6:7]
HEADERS = {"Authorization": f"Bearer {PREDICTOR}"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 20
_MODE = schemathesis.GenerationMode


def thing(required: list[str], **properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": required}


def many(items: object) -> dict[str, object]:
    return {"type": "array", "items": items}


def named(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


TEXT, WHOLE, ANY = {"type": "string"}, {"type": "integer"}, {"type": "object"}
SCHEMAS: dict[str, Any] = {
    "error": thing(["error"], error=TEXT),
    "server": thing(
        ["name", "version", "extensions"], name=TEXT, version=TEXT, extensions=many(TEXT)
    ),
    "tensor": thing(["name", "datatype", "shape"], name=TEXT, datatype=TEXT, shape=many(WHOLE)),
    "model": thing(
        ["name", "platform"],
        name=TEXT,
        versions=many(TEXT),
        platform=TEXT,
        inputs=many(named("tensor")),
        outputs=many(named("tensor")),
        properties={"type": "object", "additionalProperties": TEXT},
    ),
    "data": many({"anyOf": [named("data"), {"type": "number"}, TEXT, {"type": "boolean"}]}),
    "input": thing(
        ["name", "shape", "datatype", "data"],
        name=TEXT,
        shape=many(WHOLE),
        datatype=TEXT,
        parameters=ANY,
        data=named("data"),
    ),
    "wanted": thing(["name"], name=TEXT, parameters=ANY),
    "output": thing(
        ["name", "shape", "datatype", "data"],
        name=TEXT,
        shape=many(WHOLE),
        datatype=TEXT,
        parameters=ANY,
        data=named("data"),
    ),
    "request": thing(
        ["inputs"],
        id=TEXT,
        parameters=ANY,
        inputs=many(named("input")),
        outputs=many(named("wanted")),
    ),
    "response": thing(
        ["model_name", "outputs"],
        model_name=TEXT,
        model_version=TEXT,
        id=TEXT,
        parameters=ANY,
        outputs=many(named("output")),
    ),
}
TENSOR = {"name": "x_FP32", "shape": [1, 2], "datatype": "FP32", "data": [1.5, 2]}
RIGHT = {"id": "42", "inputs": [TENSOR], "outputs": [{"name": "y_FP32"}]}
MODEL, VERSION = "/v2/models/{MODEL_NAME}", "/versions/{MODEL_VERSION}"


def answer(schema: str) -> dict[str, object]:
    content = {"application/json": {"schema": named(schema)}}
    return {"description": schema, "content": content}


def get(schema: str | None) -> dict[str, object]:
    right = answer(schema) if schema else {"description": "yes"}
    return {"get": {"responses": {"200": right, "400": answer("error")}}}


def post() -> dict[str, object]:
    content = {"schema": named("request"), "example": RIGHT}
    body = {"required": True, "content": {"application/json": content}}
    responses = {"200": answer("response"), "400": answer("error")}
    return {"post": {"requestBody": body, "responses": responses}}


def paths() -> dict[str, Any]:
    found = {"/v2": get("server"), "/v2/health/live": get(None), "/v2/health/ready": get(None)}
    for model in (MODEL, MODEL + VERSION):
        found |= {model: get("model"), f"{model}/ready": get(None), f"{model}/infer": post()}
    return found


def document() -> dict[str, Any]:
    """The document, its paths' parameters given what is deployed; unknown names are 404 here."""
    made: dict[str, Any] = {
        "openapi": "3.0.0",
        "info": {"title": "Open Inference Protocol", "version": "2.0"},
        "paths": paths(),
        "components": {"schemas": SCHEMAS},
    }
    if FILES:
        made = yaml.safe_load(Path(FILES[0]).read_text(encoding="utf-8").replace("${", "{"))
    known = {"MODEL_NAME": ["fp32"], "MODEL_VERSION": ["1"]}
    for path, item in made["paths"].items():
        item["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": of}}
            for name, of in known.items()
            if f"{{{name}}}" in path
        ]
        for method in ("get", "post"):
            if method in item:
                item[method]["responses"].setdefault("404", {"description": "nothing there"})
                item[method]["responses"].setdefault("405", {"description": "not so"})
    return made


def ask(*endings: str) -> None:
    """Make up requests for the operations whose paths end so."""
    schema = schemathesis.openapi.from_dict(document())
    schema.config.generation.update(modes=[_MODE.POSITIVE, _MODE.NEGATIVE])
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.endswith(endings):
            for mode in (_MODE.POSITIVE, _MODE.NEGATIVE):
                asked += fuzz(operation, mode)
    assert asked, f"no operation ends in {endings}"


def fuzz(operation: Any, mode: Any) -> int:
    if mode is _MODE.NEGATIVE and not operation.body:
        return 0  # there is nothing to be wrong about

    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def run(case: Any) -> None:
        case.call_and_validate(base_url=f"http://{ADDRESS}", headers=HEADERS, checks=CHECKS)

    run()
    return 1


def check_server_and_health() -> None:
    ask("/v2", "/v2/", "/live")


def check_models() -> None:
    ask("MODEL_NAME}", "MODEL_VERSION}", "}/ready")


def check_inference_whatever_is_sent() -> None:
    ask("/infer")


def check_the_right_request_is_answered_as_documented() -> None:
    schema = schemathesis.openapi.from_dict(document())
    for path in (f"{MODEL}/infer", f"{MODEL}{VERSION}/infer"):
        operation = schema[path]["POST"]
        case = operation.Case(
            path_parameters={"MODEL_NAME": "fp32", "MODEL_VERSION": "1"},
            body=RIGHT,
            media_type="application/json",
        )
        said = case.call_and_validate(base_url=f"http://{ADDRESS}", headers=HEADERS, checks=CHECKS)
        assert said.status_code == 200, said.text
        assert said.json()["outputs"][0]["data"] == [1.5, 2.0], said.text


if __name__ == "__main__":
    tell(globals())
