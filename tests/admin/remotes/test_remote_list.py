"""System › Points Sync.: the Remote sites as they stand."""

import re

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync.models import Site
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH
from tests.admin.page_text import plain
from tests.support.panel_client import Visitor
from tests.support.queries import watched
from tests.support.site_template import change

PAGE = "/system/points-sync"

pytestmark = pytest.mark.parametrize("where", BOTH, indirect=True)


def rows(text: str) -> list[str]:
    """The list's rows as words, without what their menus offer."""
    body = text.partition("<tbody")[2].partition("</tbody>")[0]
    body = re.sub(r"<details.*?</details>", "", body, flags=re.DOTALL)
    return [plain(row) for row in body.split('<tr role="row"')[1:]]


def test_an_empty_list_says_how_to_begin(ada: Visitor) -> None:
    text = ada.get(PAGE).text
    assert "No remote sites yet" in text
    assert "Ask the admin of another shop for its sharing key" in text
    assert "<table" not in text


@pytest.mark.parametrize("settings", [{"POINTSYNC_PUBLIC_URL": "https://shop.example/points"}])
def test_the_sites_url_is_shown(ada: Visitor) -> None:
    assert "https://shop.example/points" in ada.get(PAGE).text


def test_a_served_url_stands_in(app: Flask, ada: Visitor) -> None:
    change(app, lambda session: setattr(session.get_one(Site, 1), "served_url", "http://127.0.0.1:8080"))
    assert "http://127.0.0.1:8080" in ada.get(PAGE).text


def test_each_remote_says_how_it_stands(app: Flask, ada: Visitor) -> None:
    def work(session: Session) -> None:
        lines = sample_remotes.add_four(session)
        sample_remotes.let_wait(session, 1000)
        lines[1].closing_at = sample_remotes.MADE

    change(app, work)
    shown = rows(ada.get(PAGE).text)
    assert len(shown) == 4
    for state, row in zip(sample_remotes.STATES, shown, strict=True):
        assert sample_remotes.WORDS[state] in row
    assert "https://shop-1.test/points default Points default Nothing sent yet" in shown[0]
    assert shown[0].endswith("Last success Never Waiting 1,000")
    assert "Shop 2 https://shop-2.test/points default Points default In step" in shown[1]
    assert "Closing: deleted once what waits is sent." in shown[1]
    assert "did not answer within 10 seconds" in shown[2]
    assert "paste its sharing key again" in shown[3]
    assert "1 Mar 2026, 12:00" in shown[3]


def test_what_remotes_say_is_text(app: Flask, ada: Visitor) -> None:
    def work(session: Session) -> None:
        line = sample_remotes.add(session, "https://two.test", "wrk_" + "2" * 16)
        line.name = line.status_text = "<script>alert(1)</script>"
        line.last_error = "<script>alert(2)</script>"
        line.last_failure_at, line.status = sample_remotes.MADE, "unheard"

    change(app, work)
    text = ada.get(PAGE).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "&lt;script&gt;alert(2)" in text
    assert "status-none" in text


def test_a_disguised_name_is_shown_as_it_is(app: Flask, ada: Visitor) -> None:
    def work(session: Session) -> None:
        sample_remotes.add(session, "https://two.test", "wrk_" + "2" * 16).name = "\u202elive\u2066 \u200fshop"

    change(app, work)
    assert '<bdi class="list-name">live shop</bdi>' in ada.get(PAGE).text


def test_no_secret_is_shown(app: Flask, ada: Visitor) -> None:
    change(app, sample_remotes.add_four)
    text = ada.get(PAGE).text
    assert "wrs_" not in text
    assert "gAAAA" not in text


def test_its_queries_do_not_grow_with_the_list(app: Flask, ada: Visitor) -> None:
    def asked() -> int:
        with app.app_context(), watched() as found:
            assert ada.get(PAGE).status_code == 200
        return len(found)

    def more(session: Session) -> None:
        for number in range(8):
            sample_remotes.add_reserve(session, f"r{number}")
            sample_remotes.add(session, f"https://more-{number}.test", f"wrk_{number + 100:016x}", f"r{number}")

    change(app, sample_remotes.add_four)
    few = asked()
    change(app, more)
    assert asked() == few
