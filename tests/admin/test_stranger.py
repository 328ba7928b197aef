"""Who is not signed in sees the door, and nothing behind it."""

import re

import pytest
from flask import Flask

from tests.admin.conftest import TOKEN
from tests.admin.visitor import Visitor

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

OPEN = {
    # The door
    ("GET", "/sign-in"),
    ("HEAD", "/sign-in"),
    # Styles and the API's description: what anybody may read
    ("GET", "/static/<path:filename>"),
    ("HEAD", "/static/<path:filename>"),
    ("OPTIONS", "/static/<path:filename>"),
    ("GET", "/api/docs"),
    ("HEAD", "/api/docs"),
    ("GET", "/api/v1/openapi.json"),
    ("HEAD", "/api/v1/openapi.json"),
    # For machines: well or not
    ("GET", "/healthz"),
    ("HEAD", "/healthz"),
    # WooRewards shops ask this first; who has no credentials learns only that somebody is here
    ("GET", "/wp-json/woorewards/v1/pointsync/ping/<reserve_key>"),
    ("HEAD", "/wp-json/woorewards/v1/pointsync/ping/<reserve_key>"),
}
"""What answers with 2xx, signed out and without credentials."""


def test_a_stranger_is_sent_to_the_door(stranger: Visitor) -> None:
    answer = stranger.get("/")
    assert answer.status_code == 303
    assert answer.location == "/sign-in"
    assert "Shop one" not in answer.text


def test_only_a_written_list_answers_a_stranger(app: Flask) -> None:
    open_by_rule = {}
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<path:filename>", "css/tokens.css", rule.rule)
        path = re.sub(r"<email:[a-z_]+>", "a@shop.test", path)
        path = re.sub(r"<[a-z_:]+>", "1", path)
        for method in METHODS:
            answer = Visitor(app)._open(path, method=method)
            assert answer.status_code < 500, (method, rule.rule, answer.status_code)
            if answer.status_code < 300 and not (
                method == "OPTIONS" and rule.rule.startswith(("/wp-json", "/pointsync"))
            ):
                open_by_rule[method, rule.rule] = answer.status_code
            elif 300 <= answer.status_code < 400:
                assert answer.location.startswith("/sign-in"), (method, rule.rule)
    assert set(open_by_rule) - OPEN == set()


@pytest.mark.parametrize("path", ["/", "/sign-out", "/setup/x", f"/setup/{TOKEN}", "/nothing"])
@pytest.mark.parametrize("method", METHODS)
def test_no_page_tells_a_stranger_about_the_site(app: Flask, path: str, method: str) -> None:
    answer = Visitor(app)._open(path, method=method)
    assert answer.status_code in (303, 400, 404, 405)
    assert "wrk_" not in answer.text
    assert "Ada" not in answer.text


def test_the_door_says_how_to_get_a_first_admin(fresh: Flask) -> None:
    assert "pointsync admin create" in Visitor(fresh).get("/sign-in").text


def test_the_door_says_so_no_more_once_there_is_one(stranger: Visitor) -> None:
    assert "pointsync admin create" not in stranger.get("/sign-in").text
