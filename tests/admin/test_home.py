"""The overview: the site, what is held, and the remotes as they stand."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.models import Site
from tests.admin import remotes_shown
from tests.admin.conftest import BOTH
from tests.admin.visitor import Visitor

pytestmark = pytest.mark.parametrize("where", BOTH, indirect=True)

Change = Callable[[Callable[[Session], Any]], None]


@pytest.fixture
def change(app: Flask) -> Change:
    """Change the site's database."""

    def run(work: Callable[[Session], Any]) -> None:
        with app.app_context(), db.write() as session:
            work(session)

    return run


def rows(text: str) -> list[str]:
    """The list's rows as words."""
    body = text.partition("<tbody")[2].partition("</tbody>")[0]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in body.split('<tr role="row">')[1:]]


def test_an_empty_list_says_how_to_begin(ada: Visitor) -> None:
    text = ada.get("/").text
    assert "No remote sites yet" in text
    assert "pointsync remote add" in text
    assert "--sharing-key 'KEY'" in text
    assert "<table" not in text


def test_the_site_is_named(ada: Visitor) -> None:
    text = ada.get("/").text
    assert "Shop one" in text
    assert "Not known yet" in text
    assert "POINTSYNC_PUBLIC_URL" in text


@pytest.mark.parametrize("settings", [{"POINTSYNC_PUBLIC_URL": "https://shop.example/points"}])
def test_the_sites_url_is_shown(ada: Visitor) -> None:
    assert "https://shop.example/points" in ada.get("/").text


def test_a_served_url_stands_in(ada: Visitor, change: Change) -> None:
    change(lambda session: setattr(session.get_one(Site, 1), "served_url", "http://127.0.0.1:8080"))
    assert "http://127.0.0.1:8080" in ada.get("/").text


def test_each_remote_says_how_it_stands(ada: Visitor, change: Change) -> None:
    def work(session: Session) -> None:
        lines = remotes_shown.add_four(session)
        remotes_shown.let_wait(session, 1000)
        lines[1].closing_at = remotes_shown.MADE

    change(work)
    shown = rows(ada.get("/").text)
    assert len(shown) == 4
    for state, row in zip(remotes_shown.STATES, shown, strict=True):
        assert remotes_shown.WORDS[state] in row
    assert shown[0].startswith("https://shop-1.test/points default default Nothing sent yet")
    assert shown[0].endswith("1,000 Never None")
    assert "Shop 2 https://shop-2.test/points Closing: deleted once what waits is sent. default" in shown[1]
    assert "did not answer within 10 seconds" in shown[2]
    assert "paste its sharing key again" in shown[3]
    assert "1 Mar 2026, 12:00" in shown[3]


def test_what_remotes_say_is_text(ada: Visitor, change: Change) -> None:
    def work(session: Session) -> None:
        line = remotes_shown.add(session, "https://two.test", "wrk_" + "2" * 16)
        line.name = line.status_text = line.last_error = "<script>alert(1)</script>"
        line.last_failure_at, line.status = remotes_shown.MADE, "unheard"

    change(work)
    text = ada.get("/").text
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(1)") == 3
    assert "status-none" in text


def test_a_disguised_name_is_shown_as_it_is(ada: Visitor, change: Change) -> None:
    def work(session: Session) -> None:
        remotes_shown.add(session, "https://two.test", "wrk_" + "2" * 16).name = "\u202elive\u2066 \u200fshop"

    change(work)
    assert '<bdi class="list-name">live shop</bdi>' in ada.get("/").text


def test_what_is_held_says_what_to_run(ada: Visitor, change: Change) -> None:
    assert "pointsync confirm" not in ada.get("/").text
    reason = "The marker of this database is missing in /data & more."
    change(lambda session: setattr(session.get_one(Site, 1), "hold", reason))
    text = ada.get("/").text
    assert "Nothing is sent until you say what this database is" in text
    assert "The marker of this database is missing in /data &amp; more." in text
    for what in ("moved", "restored", "copy"):
        assert f"pointsync confirm {what}" in text


def test_no_secret_is_shown(ada: Visitor, change: Change) -> None:
    change(remotes_shown.add_four)
    text = ada.get("/").text
    assert "wrs_" not in text
    assert "gAAAA" not in text


def test_its_queries_do_not_grow_with_the_list(app: Flask, ada: Visitor, change: Change) -> None:
    def counted() -> int:
        seen: list[str] = []
        with app.app_context():
            engine = db.db.engine

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            seen.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        assert ada.get("/").status_code == 200
        event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    def more(session: Session) -> None:
        for number in range(8):
            remotes_shown.add_reserve(session, f"r{number}")
            remotes_shown.add(session, f"https://more-{number}.test", f"wrk_{number + 100:016x}", f"r{number}")

    change(remotes_shown.add_four)
    few = counted()
    change(more)
    assert counted() == few
