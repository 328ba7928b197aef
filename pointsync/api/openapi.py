"""The API's description in OpenAPI 3.1, built from the declared endpoints."""

from functools import cache
from typing import Any

import msgspec

import pointsync
from pointsync.api.endpoints import ENDPOINTS, PREFIX, Endpoint, SuccessResponse
from pointsync.api.schemas import Error, RefusedMovement
from pointsync.webhooks.message import POINTS_CHANGED, PointsChanged

_JSON_TYPE = "application/json"
_REF_TEMPLATE = "#/components/schemas/{name}"


@cache
def build_document() -> dict[str, Any]:
    """The description, except for the server's real URL."""
    components = _build_schemas()
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in sorted(ENDPOINTS, key=lambda each: each.method != "POST"):  # most readers look for recording first
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _build_operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "PointSync shop API",
            "version": pointsync.__version__,
            "summary": "Records movements of loyalty points, holds points, and returns balances and movements.",
        },
        "servers": [{"url": PREFIX}],
        "security": [{"key": []}],
        "paths": paths,
        "webhooks": {POINTS_CHANGED: {"post": _build_webhook()}},
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key of this site."}},
        },
    }


def _build_schemas() -> dict[str, Any]:
    types = [
        Error,
        RefusedMovement,
        PointsChanged,
        *(schema for endpoint in ENDPOINTS for schema in _types_of(endpoint)),
    ]
    _, components = msgspec.json.schema_components(types, ref_template=_REF_TEMPLATE)
    if new_movement := components.get("NewMovement"):
        new_movement["anyOf"] = [{"required": ["points"]}, {"required": ["set"]}]
    return components


def _types_of(endpoint: Endpoint) -> list[Any]:
    return [*endpoint.body, *(schema for response in endpoint.responses.values() for schema in response.schemas)]


def _build_schema(types: tuple[Any, ...]) -> dict[str, Any]:
    results, _ = msgspec.json.schema_components(types, ref_template=_REF_TEMPLATE)
    schemas = list(results)
    return schemas[0] if len(schemas) == 1 else {"oneOf": schemas}


def _build_webhook() -> dict[str, Any]:
    """The message that this site sends to webhooks."""
    return {
        "operationId": "points_changed",
        "summary": "Points have changed",
        "description": "Sent to webhooks. The headers webhook-id, webhook-timestamp and webhook-signature are those of "
        "Standard Webhooks. webhook-id is the same if the message is repeated.",
        "requestBody": {"content": {_JSON_TYPE: {"schema": _build_schema((PointsChanged,))}}},
        "responses": {
            "200": {"description": "The message was accepted. Any 2xx status says so. 410 ends the webhook."}
        },
    }


def _build_content(response: SuccessResponse) -> dict[str, Any]:
    content: dict[str, Any] = {_JSON_TYPE: {"schema": _build_schema(response.schemas)}}
    return content | ({"text/csv": {"schema": {"type": "string"}}} if response.has_csv else {})


def _build_operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.title,
        "description": endpoint.description,
        "parameters": [
            {
                "name": each.name,
                "in": each.location,
                "required": each.location == "path",
                "description": each.description,
                "schema": dict(each.schema),
            }
            for each in endpoint.parameters
        ],
        "responses": {
            str(status): {"description": response.description}
            | ({"content": _build_content(response)} if response.schemas else {})
            for status, response in sorted(endpoint.responses.items())
        }
        | {
            str(status): {"description": description, "content": {_JSON_TYPE: {"schema": _build_schema((Error,))}}}
            for status, description in endpoint.errors.items()
        },
    }
    if endpoint.body:
        operation["requestBody"] = {"required": True, "content": {_JSON_TYPE: {"schema": _build_schema(endpoint.body)}}}
    operation["security"] = [{"key": [endpoint.scope]}] if endpoint.scope else []
    return operation
