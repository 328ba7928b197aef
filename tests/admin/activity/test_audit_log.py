"""System › Audit log: changes made through the forms are listed, can be filtered, and are exported."""

import csv
import html

import pytest
from flask import Flask
from sqlalchemy import select

from pointsync import clock, db
from pointsync.ledger import audit_recorder
from pointsync.models import AuditEntry, Reserve, Task
from pointsync.reports.audit_log import to_json
from pointsync.runtime import get_runtime
from pointsync.schedule import ticks
from tests.admin.conftest import BOTH_DATABASES
from tests.support.panel_client import PASSWORD, PanelClient

PAGE = "/system/audit"


def audit_rows(app: Flask) -> list[dict]:
    """The entries that the site did not make itself, oldest first."""
    with app.app_context(), db.transaction() as session:
        query = select(AuditEntry).where(AuditEntry.how != "site").order_by(AuditEntry.id)
        return [to_json(row) for row in session.scalars(query)]


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_an_entry_has_actor_method_and_address(app: Flask) -> None:
    ada = PanelClient(app, "192.0.2.9")
    ada.sign_in(name=PASSWORD)
    ada.sign_in(password="wrong " + PASSWORD)
    ada.sign_in()
    ada.send("/system/api-keys/add", name="webshop", scopes="record")
    ada.send("/system/admins/add", name="Max", password=PASSWORD + "2", again=PASSWORD + "2")
    ada.send("/sign-out", "/")
    rows = audit_rows(app)
    assert [(row["words"], row["how"]) for row in rows] == [
        ("Somebody failed to sign in with an unknown name", "nobody"),
        ("Somebody failed to sign in as Ada", "nobody"),
        ("Ada signed in", "password"),
        ("Ada added API key webshop", "password"),
        ("Ada added admin Max", "password"),
        ("Ada signed out", "password"),
    ]
    assert {row["address"] for row in rows} == {"192.0.2.9"}
    assert PASSWORD not in str(rows)
    assert "scrypt" not in str(rows)


def test_a_refused_form_adds_no_entry(app: Flask, ada: PanelClient) -> None:
    before = audit_rows(app)
    assert ada.send("/system/api-keys/add", name="no/name").status_code == 422
    assert audit_rows(app) == before


def test_the_page_filters_and_escapes(app: Flask, ada: PanelClient) -> None:
    with app.app_context():
        db.set_actor(db.Actor("Max", "command", ""))
        with db.transaction() as session:
            session.add(Reserve(key="gold", name="<b>Gold", created_at=clock.now()))
    page_text = html.unescape(ada.get(PAGE).text)
    assert "Max added reserve gold" in page_text
    assert "Ada signed in" in page_text
    assert "&lt;b&gt;Gold" in ada.get(PAGE).text
    only_max = ada.get(f"{PAGE}?actor=Max&noun=reserve&since=2020-01-01&until=2900-01-01").text
    assert "Max added reserve gold" in only_max
    assert "Ada signed in" not in only_max
    assert "Max added reserve gold" in ada.get(f"{PAGE}?actor=Max&noun=reserve&since=&until=").text
    assert "No results." in ada.get(f"{PAGE}?until=2020-01-01").text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("since=tomorrow", "This is not a date"),
        ("since=0001-01-01", "Choose a day from 2000"),
        ("since=2026-02-02&until=2026-02-01", "before the first one"),
        ("noun=%00", "There is no such kind of change"),
        ("actor=%F0%9F", "There is no such name"),
        ("cursor=rubbish", "does not lead to a page"),
        ("size=7", "A page has"),
    ],
)
def test_an_invalid_filter(ada: PanelClient, query: str, sentence: str) -> None:
    answer = ada.get(f"{PAGE}?{query}")
    assert (answer.status_code, sentence in answer.text) == (422, True)


def test_the_csv_export_escapes_formulas(app: Flask, ada: PanelClient) -> None:
    with app.app_context():
        db.set_actor(db.Actor("=Max", "command", ""))
        with db.transaction() as session:
            audit_recorder.log_action(session, "tested", "reserve", thing="+gold")
    answer = ada.send(f"{PAGE}/export", PAGE, actor="=Max")
    assert answer.status_code == 303
    with app.app_context():
        ticks.run_tasks()
        name = db.session.scalars(select(Task)).one().result["file"]
        [path] = get_runtime().config.data.rglob(name)
        with path.open() as file:
            [row] = csv.DictReader(file)
    assert (row["actor"], row["name"], row["words"]) == ("'=Max", "'+gold", "'=Max tested reserve +gold")
