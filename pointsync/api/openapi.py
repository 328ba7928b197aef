"""The API's description, OpenAPI 3.1, made of the declared calls."""

from functools import cache
from typing import Any

import msgspec

import pointsync
from pointsync.api.endpoints import CALLS, PREFIX, Call
from pointsync.api.schemas import Error

_JSON = "application/json"
_REF = "#/components/schemas/{name}"


@cache
def document() -> dict[str, Any]:
    """The whole description, but for where the server is."""
    components = _components()
    paths: dict[str, dict[str, Any]] = {}
    for call in sorted(CALLS, key=lambda each: each.method != "POST"):  # recording is what most come for
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "PointSync shop API",
            "version": pointsync.__version__,
            "summary": "Records movements of loyalty points, and tells balances.",
        },
        "servers": [{"url": PREFIX}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key of this site."}},
        },
    }


def _components() -> dict[str, Any]:
    shapes = [Error, *(shape for call in CALLS for shape in _shapes(call))]
    _, components = msgspec.json.schema_components(shapes, ref_template=_REF)
    if made := components.get("NewMovement"):
        made["anyOf"] = [{"required": ["points"]}, {"required": ["set"]}]
    return components


def _shapes(call: Call) -> list[Any]:
    return [*call.body, *(shape for answer in call.answers.values() for shape in answer.shapes)]


def _schema(shapes: tuple[Any, ...]) -> dict[str, Any]:
    found, _ = msgspec.json.schema_components(shapes, ref_template=_REF)
    schemas = list(found)
    return schemas[0] if len(schemas) == 1 else {"oneOf": schemas}


def _operation(call: Call) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": call.name,
        "summary": call.title,
        "description": call.about,
        "parameters": [
            {
                "name": each.name,
                "in": each.place,
                "required": each.place == "path",
                "description": each.about,
                "schema": dict(each.schema),
            }
            for each in call.parameters
        ],
        "responses": {
            str(status): {"description": answer.about}
            | ({"content": {_JSON: {"schema": _schema(answer.shapes)}}} if answer.shapes else {})
            for status, answer in sorted(call.answers.items())
        }
        | {
            str(status): {"description": about, "content": {_JSON: {"schema": _schema((Error,))}}}
            for status, about in call.errors.items()
        },
    }
    if call.body:
        operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": _schema(call.body)}}}
    operation["security"] = [{"key": [call.scope]}] if call.scope else []
    return operation
