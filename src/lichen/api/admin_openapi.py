"""The OpenAPI document of the control plane, from the table of routes and the message types."""

import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from lichen.api.admin_routes import JSON, Route
from lichen.api.problems import MEDIA_TYPE
from lichen.protocol.admin import JsonObject, Problem

_PLACE = re.compile(r"{(\w+)}")


def openapi(routes: Sequence[Route], prefix: str) -> JsonObject:
    """OpenAPI 3.1 for these routes."""
    types = _types(routes)
    references, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    schemas = dict(zip(map(repr, types), references, strict=True))
    paths: dict[str, JsonObject] = {}
    for route in routes:
        operation = _operation(route, schemas)
        paths.setdefault(prefix + route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lichen control plane",
            "version": version("lichen"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _types(routes: Sequence[Route]) -> list[Any]:
    found: dict[str, Any] = {repr(Problem): Problem}
    for route in routes:
        for kind in (route.answer, route.body):
            if kind is not None:
                found[repr(kind)] = kind
    return list(found.values())


def _operation(route: Route, schemas: dict[str, JsonObject]) -> JsonObject:
    operation: JsonObject = {
        "summary": route.summary,
        "operationId": _name_of(route),
        "tags": [route.path.split("/")[1]],
        "parameters": _parameters(route),
        "responses": {
            str(route.status if route.answer or route.media_type != JSON else 204): _answer(
                route, schemas
            ),
            "default": {
                "description": "What went wrong",
                "content": {MEDIA_TYPE: {"schema": schemas[repr(Problem)]}},
            },
        },
    }
    if route.body is not None:
        content = {JSON: {"schema": schemas[repr(route.body)]}}
        operation["requestBody"] = {"required": True, "content": content}
    if route.takes_file:
        content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        operation["requestBody"] = {"required": True, "content": content}
    if route.public:
        operation["security"] = []
    return operation


def _parameters(route: Route) -> list[JsonObject]:
    found: list[JsonObject] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PLACE.findall(route.path)
    ]
    found += [
        {
            "name": one.name,
            "in": "query",
            "required": one.required,
            "description": one.says,
            "schema": {"type": one.kind},
        }
        for one in route.query
    ]
    if route.creates:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "A repetition with the same key creates nothing more.",
                "schema": {"type": "string"},
            }
        )
    return found


def _answer(route: Route, schemas: dict[str, JsonObject]) -> JsonObject:
    if route.answer is not None:
        others: JsonObject = {kind.partition(";")[0]: {} for kind in route.other_media_types}
        return {
            "description": route.summary,
            "content": {JSON: {"schema": schemas[repr(route.answer)]}, **others},
        }
    if route.media_type != JSON:
        return {"description": route.summary, "content": {route.media_type: {}}}
    return {"description": "Done"}


def _name_of(route: Route) -> str:
    words = [part.strip("{}") for part in route.path.split("/") if part]
    return "_".join([route.method.lower(), *words]).replace("-", "_")
