"""The panel embedded in another page: no header and menu, on this page and all pages it links to."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.email_address import parse
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
URL = re.compile(r' (?:href|action|formaction|data-refresh-url|data-copy-url|data-ask-url)="(/[^"]*)"')
WITHOUT_FRAME = ("/static/", "/api/docs")
"""URLs that are never embedded. The API's documentation opens in a new tab."""
GET_FORM = re.compile(r'<form [^>]*method="get".*?</form>', re.DOTALL)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_header_and_its_links_keep_the_parameter(app: Flask, ada: PanelClient, path: str) -> None:
    with app.app_context():
        alice = parse("alice@shop.example")
        db.run_in_transaction(lambda session: customers.get_or_create(session, [alice], clock.now()))
    normal, embedded = ada.get(path).text, ada.get(f"{path}?embed=1").text
    assert '<header class="header">' in normal
    assert "embed" not in normal.replace('href="/manual/embedding"', "")
    assert '<header class="header">' not in embedded
    assert 'aria-label="Sections"' not in embedded
    assert ('class="tabs-strip"' in embedded) == ('class="tabs-strip"' in normal)
    links = [each.replace("&amp;", "&") for each in URL.findall(embedded)]
    assert links
    for each in links:
        parameter = parse_qs(urlsplit(each).query).get("embed")
        assert parameter == (None if each.startswith(WITHOUT_FRAME) else ["1"]), each
    for form in GET_FORM.findall(embedded):
        assert '<input type="hidden" name="embed" value="1">' in form


def test_signing_in_and_forms_keep_the_parameter(app: Flask, ada: PanelClient) -> None:
    stranger = PanelClient(app)
    sign_in_url = stranger.get("/system/general?embed=1").location
    assert parse_qs(urlsplit(sign_in_url).query) == {"next": ["/system/general?embed=1"], "embed": ["1"]}
    answer = stranger.send(sign_in_url, name="Ada", password="correct horse battery")
    assert answer.location == "/system/general?embed=1"
    form = "/system/general?embed=1"
    saved = ada.send("/system/general?embed=1", page=form, site_name="Shop two", public_url="", time_zone="UTC")
    assert saved.location == form
    invalid = ada.send("/system/general?embed=1", page=form, site_name="", public_url="x", time_zone="?")
    assert invalid.status_code == 422
    assert '<header class="header">' not in invalid.text
    assert ada.send("/sign-out?embed=1", page="/system/general").location == "/sign-in?embed=1"


@pytest.mark.parametrize("query", ["embed=0", "embed=", "embed=2", "embed=true", "embed=1&x=1&embed=0"])
def test_only_the_value_1_counts(ada: PanelClient, query: str) -> None:
    assert ('<header class="header">' not in ada.get(f"/?{query}").text) == query.startswith("embed=1")
