"""The API's description: complete, consistent, and available without a key."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync.api.endpoints import ENDPOINTS
from pointsync.runtime import get_runtime
from pointsync.sync.site import general
from tests.api.api_clients import ApiClient
from tests.support.site_template import run_in_transaction

METHODS = {"get", "post", "delete"}


@pytest.fixture
def api(stranger: ApiClient) -> dict[str, Any]:
    answer = stranger.get("/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json)


def list_refs(node: Any) -> Iterator[str]:
    """Every `$ref` in the document."""
    if isinstance(node, dict):
        yield from ([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
        node = list(node.values())
    for each in node if isinstance(node, list) else []:
        yield from list_refs(each)


WITHOUT_KEY = ["/shops/connect", "/openapi.json"]


def operations(api: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(path, operation) for path, methods in api["paths"].items() for operation in methods.values()]


def test_it_is_valid_openapi(api: dict[str, Any]) -> None:
    assert api["openapi"] == "3.1.0"
    assert {"title", "version"} <= set(api["info"])
    assert api["servers"] == [{"url": "/api/v1"}]
    assert set(api) <= {"openapi", "info", "servers", "security", "paths", "webhooks", "components"}
    assert all(set(methods) <= METHODS for methods in api["paths"].values())


def test_every_reference_has_a_target(api: dict[str, Any]) -> None:
    found = set(list_refs(api))
    assert found == {f"#/components/schemas/{name}" for name in api["components"]["schemas"]}


def test_every_operation_is_complete(api: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(api)]
    assert len(names) == len(set(names)) == len(ENDPOINTS)
    for path, operation in operations(api):
        in_path = {each["name"] for each in operation["parameters"] if each["in"] == "path" and each["required"]}
        assert in_path == {part[1:-1] for part in path.split("/") if part.startswith("{")}
        assert all(each["description"] for each in operation["responses"].values())
        assert all(status.isdecimal() for status in operation["responses"])
        assert operation["responses"].keys() & {"200", "201", "202", "204"}


def test_it_lists_all_routes(app: Flask, api: dict[str, Any]) -> None:
    routed = {
        re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule.removeprefix("/api/v1"))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
    }
    assert routed == set(api["paths"])


def test_the_description_says_what_needs_no_key(stranger: ApiClient, api: dict[str, Any]) -> None:
    assert [path for path, operation in operations(api) if operation.get("security") == []] == WITHOUT_KEY
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            target = "/api/v1" + path.replace("{email}", "alice@example.test")
            target = target.replace("{id}", "1").replace("{erasure}", "1")
            status = stranger.client.open(target, method=method).status_code
            assert status == (401 if operation.get("security") != [] else 422 if method == "post" else 200), path


def test_its_server_url_has_the_request_prefix(app: Flask) -> None:
    answer = app.test_client().get("/api/v1/openapi.json", base_url="http://shop.test/back-office/points/")
    assert answer.json["servers"] == [{"url": "/back-office/points/api/v1"}]


class Page(HTMLParser):
    """The ids and links of a page, and its inline scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids += [values["id"] or ""] if "id" in values else []
        self.links += [values["href"] or ""] if "href" in values else []
        self.inline += [tag] if tag in ("script", "style") or any(name.startswith("on") for name in values) else []
        self.inline += ["style="] if "style" in values else []


def test_the_example_uses_the_url_that_an_admin_has_saved(app: Flask, stranger: ApiClient) -> None:
    def save_url(session: Session) -> None:
        general.set_public_url(session, get_runtime().config, "https://points.mugs.example/family")

    run_in_transaction(app, save_url)
    assert "curl https://points.mugs.example/family/api/v1/movements" in stranger.client.get("/api/docs").text


def test_the_page_for_people(stranger: ApiClient, api: dict[str, Any]) -> None:
    answer = stranger.client.get("/api/docs")
    assert answer.status_code == 200
    page = Page(answer.text)
    assert page.inline == []
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert set(api["components"]["schemas"]) <= set(page.ids)
    for path, operation in operations(api):
        assert path in answer.text
        assert operation["operationId"] in page.ids
    for link in page.links:
        if not link.startswith("#"):
            with stranger.client.get(link) as linked:
                assert linked.status_code == 200
