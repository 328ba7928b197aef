"""Erasing a person in the panel, and the receipts."""

import re

from flask import Flask

from pointsync import clock
from pointsync.ledger.people.erasure import erasures
from pointsync.models import BackupFile, Remote
from tests.admin.customers.test_people import ALICE, BOB, follow, give
from tests.admin.page_text import field_errors, text_of
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction


def test_the_address_is_typed_and_the_receipt_follows(app: Flask, ada: PanelClient) -> None:
    customer_id = give(app, ALICE, 5)
    page = text_of(ada.get(f"/customers/{customer_id}/erase").text)
    assert "cannot be undone" in page
    wrong = ada.send(f"/customers/{customer_id}/erase", address=BOB)
    assert wrong.status_code == 422
    assert list(field_errors(wrong.text)) == ["address"]
    receipt = follow(ada, ada.send(f"/customers/{customer_id}/erase", address=ALICE.upper()))
    assert "Receipt of erasure 1" in receipt
    assert ALICE not in receipt
    erased = text_of(ada.get(f"/customers/{customer_id}").text)
    assert "This person was erased" in erased
    assert "Adjust points" not in erased
    for path in ("/customers", "/system/activity/customer-changes"):
        page = text_of(ada.get(path).text)
        assert re.search("Erased person [0-9a-f]{8}\\b", page), path
        assert "erased.invalid" not in page, path
    assert ada.send(f"/customers/{customer_id}/erase", address=ALICE).status_code == 422


def test_a_request_is_listed_shown_and_stopped(app: Flask, ada: PanelClient) -> None:
    give(app, ALICE, 5)
    run_in_transaction(app, lambda session: erasures.request(session, ALICE, "a key", clock.now()).id)
    assert "1 person will be erased within a day" in text_of(ada.get("/").text)
    assert ALICE in text_of(ada.get("/customers/erasures").text)
    assert "Stop the erasure" in ada.get("/customers/erasures/1").text
    assert "Nobody is erased" in follow(ada, ada.send("/customers/erasures/1/stop", "/customers/erasures/1"))
    assert "will be erased" not in text_of(ada.get("/").text)


def test_backups_and_sites_whose_owner_must_be_asked(app: Flask, ada: PanelClient) -> None:
    customer_id = give(app, ALICE, 5)

    def prepare(session) -> None:
        session.add(BackupFile(made_at=clock.now(), path="/backups/monday.zip"))
        values = {"url": "https://old.test", "auth": "wrk_00000000000000aa", "sealed_pass": "x", "target": "default"}
        remote = Remote(reserve_id=1, query_template="x", created_at=clock.now(), dialect="woorewards", **values)
        session.add(remote)
        session.flush()

    run_in_transaction(app, prepare)
    assert "https://old.test" in text_of(ada.get(f"/customers/{customer_id}/erase").text)
    receipt = follow(ada, ada.send(f"/customers/{customer_id}/erase", address=ALICE))
    assert "/backups/monday.zip" in receipt
    assert "Not set" in receipt
    assert "pointsync.db.before-upgrade-" in receipt
    assert "Ask its owner to erase the person" in receipt
    for auth, message in (
        ("wrk_00000000000000aa", "Saved. The receipt shows that the owner of https://old.test is informed."),
        ("wrk_00000000000000aa", "You have confirmed before that the owner of https://old.test is informed."),
        ("wrk_00000000000000bb", "No site with the Auth wrk_00000000000000bb is in the receipt of erasure 1."),
    ):
        path = f"/customers/erasures/1/owner-informed/{auth}"
        page = follow(ada, ada.send(path, "/customers/erasures/1"))
        assert message in page
        assert "Owner informed" in page
    assert ada.send("/customers/erasures/backups", "/customers/erasures", backup_days="x").status_code == 422
    follow(ada, ada.send("/customers/erasures/backups", "/customers/erasures", backup_days="30"))
    assert "Backups are kept for 30 days" in text_of(ada.get("/customers/erasures/1").text)
