"""No answer may be kept by a cache: of the API, hooks, metrics, health, the panel, or for other sites."""

import re

import pytest
from flask import Flask

from tests.api.api_clients import ApiClient

UNKNOWN = ("/nothing", "/api/nothing", "/api/v1/nothing", "/metrics/nothing", "/hooks/x", "/wp-json/x", "/pointsync/x")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def list_paths(app: Flask) -> list[str]:
    """A path for each route, except for static files."""
    rules = [rule.rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]
    return sorted({re.sub("<[^>]*>", "1", rule) for rule in rules}) + list(UNKNOWN)


@pytest.mark.parametrize("method", METHODS)
def test_every_answer_says_that_it_must_not_be_stored(app: Flask, method: str) -> None:
    client, paths = app.test_client(), list_paths(app)
    assert {"/healthz", "/metrics", "/api/v1/openapi.json", "/api/docs"} <= set(paths)
    found = {path: client.open(path, method=method).headers.get("Cache-Control") for path in paths}
    assert {path: value for path, value in found.items() if value != "no-store"} == {}


def test_answers_with_content_must_not_be_stored_either(app: Flask, api_client: ApiClient) -> None:
    recorded = api_client.post("/movements", {"customer": "alice@example.com", "points": 5})
    read = api_client.get("/customers/alice@example.com")
    health = app.test_client().get("/healthz")
    for answer in (recorded, read, health):
        assert (answer.status_code < 300, answer.headers.get("Cache-Control")) == (True, "no-store")


def test_static_files_may_be_stored(app: Flask) -> None:
    with app.test_client().get("/static/css/base/tabs.css") as answer:
        assert (answer.status_code, answer.headers.get("Cache-Control")) == (200, "no-cache")
