"""Shown within another page: without our own header and menu, and so on every page that is reached from there."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.ledger import customers
from tests.support.panel_client import PanelClient

PAGES = [
    "/",
    "/customers",
    "/customers/1",
    "/points-and-rewards",
    "/points-and-rewards/settlement",
    "/system/points-sync",
    "/system/activity",
    "/system/mails",
    "/system/network",
    "/manual",
    "/manual/backups",
    "/nothing",
]
ADDRESS = re.compile(r' (?:href|action|formaction|data-refresh-url|data-copy-url|data-ask-url)="(/[^"]*)"')
WITHOUT_FRAME = ("/static/", "/api/docs")
"""What has no frame to leave out; the API's description opens in a tab of its own."""
GET_FORM = re.compile(r'<form [^>]*method="get".*?</form>', re.DOTALL)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_bare_and_so_is_whatever_it_leads_to(app: Flask, ada: PanelClient, path: str) -> None:
    with app.app_context():
        db.run_in_transaction(lambda session: customers.get_or_create_ids(session, ["alice@shop.example"], clock.now()))
    whole, bare = ada.get(path).text, ada.get(f"{path}?embed=1").text
    assert '<header class="header">' in whole
    assert "embed" not in whole.replace('href="/manual/embedding"', "")
    assert '<header class="header">' not in bare
    assert 'aria-label="Sections"' not in bare
    assert ('class="tabs-strip"' in bare) == ('class="tabs-strip"' in whole)
    led_to = [each.replace("&amp;", "&") for each in ADDRESS.findall(bare)]
    assert led_to
    for each in led_to:
        kept = parse_qs(urlsplit(each).query).get("embed")
        assert kept == (None if each.startswith(WITHOUT_FRAME) else ["1"]), each
    for form in GET_FORM.findall(bare):
        assert '<input type="hidden" name="embed" value="1">' in form


def test_it_is_carried_through_the_door_and_forms(app: Flask, ada: PanelClient) -> None:
    stranger = PanelClient(app)
    door = stranger.get("/system/general?embed=1").location
    assert parse_qs(urlsplit(door).query) == {"next": ["/system/general?embed=1"], "embed": ["1"]}
    sent = stranger.send(door, name="Ada", password="correct horse battery")
    assert sent.location == "/system/general?embed=1"
    form = "/system/general?embed=1"
    saved = ada.send("/system/general?embed=1", page=form, site_name="Shop two", public_url="", time_zone="UTC")
    assert saved.location == form
    wrong = ada.send("/system/general?embed=1", page=form, site_name="", public_url="x", time_zone="?")
    assert wrong.status_code == 422
    assert '<header class="header">' not in wrong.text
    assert ada.send("/sign-out?embed=1", page="/system/general").location == "/sign-in?embed=1"


@pytest.mark.parametrize("query", ["embed=0", "embed=", "embed=2", "embed=true", "embed=1&x=1&embed=0"])
def test_only_1_says_so(ada: PanelClient, query: str) -> None:
    assert ('<header class="header">' not in ada.get(f"/?{query}").text) == query.startswith("embed=1")
