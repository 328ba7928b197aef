"""Visitors who are not signed in see the sign-in page and nothing else."""

import pytest
from flask import Flask

from tests.admin.conftest import SETUP_TOKEN
from tests.support.panel_client import PanelClient

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def test_a_visitor_is_redirected_to_sign_in(stranger: PanelClient) -> None:
    answer = stranger.get("/")
    assert answer.status_code == 303
    assert answer.location == "/sign-in"
    assert "Shop one" not in answer.text


@pytest.mark.parametrize("path", ["/", "/sign-out", "/setup/x", f"/setup/{SETUP_TOKEN}", "/nothing"])
@pytest.mark.parametrize("method", METHODS)
def test_no_page_shows_a_visitor_anything_about_the_site(app: Flask, path: str, method: str) -> None:
    answer = PanelClient(app)._open(path, method=method)
    assert answer.status_code in (303, 400, 404, 405)
    assert "wrk_" not in answer.text
    assert "Ada" not in answer.text


def test_the_page_says_how_to_create_the_first_admin(app_without_admin: Flask) -> None:
    assert "pointsync admin create" in PanelClient(app_without_admin).get("/sign-in").text


def test_the_page_does_not_say_so_once_there_is_an_admin(stranger: PanelClient) -> None:
    assert "pointsync admin create" not in stranger.get("/sign-in").text


def test_a_visitors_form_may_only_be_small(stranger: PanelClient, ada: PanelClient) -> None:
    """Parsing a form of 1 MB takes a second and tens of megabytes."""
    fields = "&".join(f"field{number}=" for number in range(10_000))
    form = {"data": fields, "content_type": "application/x-www-form-urlencoded"}
    for path in ("/sign-in", f"/setup/{SETUP_TOKEN}", "/customers/points"):
        assert stranger.post(path, **form).status_code == 413, path
    assert ada.post("/customers/points", **form).status_code == 400
