"""System › Points Sync.: the list of Remote sites."""

import re

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync.models import Site
from tests.admin import sample_remotes
from tests.admin.conftest import ALSO_POSTGRES
from tests.admin.page_text import text_of
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries
from tests.support.site_template import run_in_transaction

PAGE = "/system/points-sync"

pytestmark = pytest.mark.parametrize("database_settings", ALSO_POSTGRES, indirect=True)


def row_texts(text: str) -> list[str]:
    """The text of each row, without its menu."""
    body = text.partition("<tbody")[2].partition("</tbody>")[0]
    body = re.sub(r"<details.*?</details>", "", body, flags=re.DOTALL)
    return [text_of(row) for row in body.split('<tr role="row"')[1:]]


def test_an_empty_list_says_how_to_start(ada: PanelClient) -> None:
    text = ada.get(PAGE).text
    assert "No remote sites yet" in text
    assert "Ask the admin of another shop for its sharing key" in text
    assert "<table" not in text


@pytest.mark.parametrize("settings", [{"POINTSYNC_PUBLIC_URL": "https://shop.example/points"}])
def test_the_sites_url_is_shown(ada: PanelClient) -> None:
    assert "https://shop.example/points" in ada.get(PAGE).text


def test_the_served_url_is_the_fallback(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: setattr(session.get_one(Site, 1), "served_url", "http://127.0.0.1:8080"))
    assert "http://127.0.0.1:8080" in ada.get(PAGE).text


def test_each_remote_shows_its_status(app: Flask, ada: PanelClient) -> None:
    def prepare(session: Session) -> None:
        added_remotes = sample_remotes.add_remote_of_each_status(session)
        sample_remotes.record_waiting(session, 1000)
        added_remotes[1].closing_at = sample_remotes.CREATED_AT

    run_in_transaction(app, prepare)
    rows = row_texts(ada.get(PAGE).text)
    assert len(rows) == 4
    for state, row in zip(sample_remotes.STATUS_TEXTS, rows, strict=True):
        assert sample_remotes.STATUS_LABELS[state] in row
    assert "https://shop-1.test/points default Points default Nothing sent yet" in rows[0]
    assert rows[0].endswith("Last success Never Waiting 1,000")
    assert "Shop 2 https://shop-2.test/points default Points default In step" in rows[1]
    assert "Closing: will be deleted once everything that is waiting is sent." in rows[1]
    assert "did not answer within 10 seconds" in rows[2]
    assert "paste its sharing key again" in rows[3]
    assert "1 Mar 2026, 12:00" in rows[3]


def test_texts_of_remotes_are_escaped(app: Flask, ada: PanelClient) -> None:
    def prepare(session: Session) -> None:
        remote = sample_remotes.add_remote(session, "https://two.test", "wrk_" + "2" * 16)
        remote.name = remote.status_text = "<script>alert(1)</script>"
        remote.last_error = "<script>alert(2)</script>"
        remote.last_failure_at, remote.status = sample_remotes.CREATED_AT, "unheard"

    run_in_transaction(app, prepare)
    text = ada.get(PAGE).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "&lt;script&gt;alert(2)" in text
    assert "status-none" in text


def test_a_name_is_shown_without_bidi_marks(app: Flask, ada: PanelClient) -> None:
    def prepare(session: Session) -> None:
        sample_remotes.add_remote(session, "https://two.test", "wrk_" + "2" * 16).name = "\u202elive\u2066 \u200fshop"

    run_in_transaction(app, prepare)
    assert '<bdi class="list-name">live shop</bdi>' in ada.get(PAGE).text


def test_no_secret_is_shown(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, sample_remotes.add_remote_of_each_status)
    text = ada.get(PAGE).text
    assert "wrs_" not in text
    assert "gAAAA" not in text


def test_its_queries_do_not_grow_with_the_list(app: Flask, ada: PanelClient) -> None:
    def count_queries() -> int:
        with app.app_context(), record_queries() as recorded_queries:
            assert ada.get(PAGE).status_code == 200
        return len(recorded_queries)

    def add_more(session: Session) -> None:
        for number in range(8):
            sample_remotes.add_reserve(session, f"r{number}")
            sample_remotes.add_remote(session, f"https://more-{number}.test", f"wrk_{number + 100:016x}", f"r{number}")

    run_in_transaction(app, sample_remotes.add_remote_of_each_status)
    query_count = count_queries()
    run_in_transaction(app, add_more)
    assert count_queries() == query_count
