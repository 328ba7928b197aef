"""The stored data about a customer: the page and the files."""

import csv
import io

import pytest
from flask import Flask

from pointsync.ledger.people import people
from pointsync.models import AuditEntry
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.customers.test_people import ALICE, BOB, give
from tests.admin.page_text import text_of
from tests.support.moving_clock import START as NOW
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_the_page_and_the_files(app: Flask, ada: PanelClient) -> None:
    for _ in range(23):
        customer_id = give(app, ALICE, 5)
    give(app, BOB, 7)
    run_in_transaction(app, lambda session: people.merge(session, BOB, ALICE, NOW))
    path = f"/customers/{customer_id}/report"
    page = text_of(ada.get(path).text)
    assert "Changes of addresses" in page
    assert "And 4 more: the files have all rows." in page
    answer = ada.send(f"{path}/csv", page=path)
    assert answer.headers["Content-Disposition"] == f"attachment; filename=customer-{customer_id}.csv"
    assert answer.headers["Cache-Control"] == "no-store"
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert sum(each["part"] == "movements" for each in lines) == 24
    assert len(ada.send(f"{path}/json", page=path).json["sites"][0]["parts"]["movements"]) == 24
    page = text_of(ada.send(path).text)
    assert "By this site, and by the other sites" not in page, "there is no other site"
    found = run_in_transaction(
        app, lambda session: session.query(AuditEntry).filter_by(action="reported").order_by("id").all()
    )
    assert [(each.actor, each.thing, each.after) for each in found] == [
        ("Ada", ALICE, {}),
        ("Ada", ALICE, {}),
        ("Ada", ALICE, {"sites": "all"}),
    ]
    assert ada.get("/customers/99/report").status_code == 404
    assert ada.send(f"{path}/pdf", page=path).status_code == 404
