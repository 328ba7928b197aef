"""The audit log: an entry for each change, in the same transaction, with who made it, and without secrets."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from pointsync import clock, db
from pointsync.accounts import admins, api_keys, sign_ins
from pointsync.ledger import audit_recorder
from pointsync.ledger.record import Draft, record
from pointsync.models import AuditEntry, Reserve
from pointsync.runtime import get_runtime
from pointsync.sync.site import passes, settings
from pointsync.woocommerce import hooks

ADA = db.Actor("Ada", "password", "192.0.2.7")
CANARY = "canary-5e4d1b"


def audit_rows() -> list[AuditEntry]:
    """The entries since the site's first start, oldest first."""
    with db.transaction() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.how != "site").order_by(AuditEntry.id)))


@pytest.fixture
def as_ada(app):
    db.set_actor(ADA)


def test_a_change_is_logged_with_actor_and_both_values(as_ada):
    with db.transaction() as session:
        settings.change(session, "max_attempts", "12")
    with db.transaction() as session:
        settings.change(session, "max_attempts", "15")
    with db.transaction() as session:
        settings.change(session, "max_attempts", "15")
    first, second = audit_rows()
    assert (first.actor, first.how, first.address) == ("Ada", "password", "192.0.2.7")
    assert (first.action, first.noun, first.thing, first.before, first.after) == (
        ("added", "setting", "max_attempts", {}, {"value": "12"})
    )
    assert (second.action, second.before, second.after) == ("changed", {"value": "12"}, {"value": "15"})


def test_a_rolled_back_change_leaves_no_entry(as_ada):
    def change_and_fail(session) -> None:
        settings.change(session, "max_attempts", "12")
        assert session.scalar(select(AuditEntry.actor).where(AuditEntry.noun == "setting")) == "Ada"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.run_in_transaction(change_and_fail)
    assert audit_rows() == []


def test_no_secret_is_in_the_table(as_ada):
    now = clock.now()
    with db.transaction() as session:
        admin = admins.create(session, "Max", f"{CANARY}-password", now)
        row, key = api_keys.create(session, "webshop", now)
        vault = get_runtime().vault
        hooks.add(session, vault, name="orders", secret=f"{CANARY}-secret", reserve_key="default", now=now)
        passes.rotate(session, vault, now)
        token = sign_ins.create(session, admin, now)
        hashes = [admin.password_hash, row.digest]
    with db.transaction() as session:
        admins.change_password(session, admin.id, f"{CANARY}-password", f"{CANARY}-second")
    stored = "".join(str(tuple(row)) for row in db.session.execute(text("SELECT * FROM audit")))
    for secret in (CANARY, key, token, *hashes, "scrypt"):
        assert secret not in stored
    logged = {(row.action, row.noun, row.thing) for row in audit_rows()}
    assert {("added", "admin", "Max"), ("added", "API key", "webshop"), ("added", "hook", "orders")} <= logged
    [changed] = [row for row in audit_rows() if (row.action, row.noun) == ("changed", "admin")]
    assert (changed.before, changed.after) == ({}, {"password_hash": None})
    [rotated] = [row for row in audit_rows() if row.noun == "site"]
    assert rotated.after["sealed_pass"] is None


@pytest.mark.parametrize(
    "statement",
    [update(AuditEntry).values(actor="nobody"), delete(AuditEntry), text("UPDATE audit SET actor = 'nobody'")],
)
def test_the_database_refuses_to_change_the_log(as_ada, statement):
    with db.transaction() as session:
        settings.change(session, "max_attempts", "12")
    with pytest.raises(DBAPIError, match="audit log is"), db.transaction() as session:
        session.execute(statement)
    assert [row.actor for row in audit_rows()] == ["Ada"]


def test_only_entries_older_than_a_year_can_be_deleted(as_ada):
    now = clock.now()
    with db.transaction() as session:
        for days in (400, 366, 364):
            row = audit_recorder._audit_row(ADA, now - timedelta(days=days), "old", "row", days, "", {}, {})
            session.execute(AuditEntry.__table__.insert(), [row])
    with db.transaction() as session:
        audit_recorder.prune(session, now - timedelta(days=365, hours=1))
    assert [row.thing_id for row in audit_rows() if row.action == "old"] == ["364"]


def test_manual_movements_are_logged_in_one_entry_and_those_of_shops_are_not(as_ada):
    drafts = [Draft("anna@shop.example", 5), Draft("anna@shop.example", 6)]
    with db.transaction() as session:
        recorded = record(session, drafts, "panel", clock.now())
    db.set_actor(db.Actor("webshop", "key", "192.0.2.8"))
    with db.transaction() as session:
        record(session, drafts, "webshop", clock.now())
    [row] = audit_rows()
    first, last = (each.movement.id for each in recorded)
    assert (row.action, row.thing, row.after) == (
        ("recorded", "anna@shop.example", {"movements": 2, "first": first, "last": last})
    )


def test_texts_from_outside_are_cleaned_and_cut(app):
    db.set_actor(db.Actor("A\x00da\n" + "x" * 300, "password", "9" * 99))
    with db.transaction() as session:
        session.add(Reserve(key="gold", name="Go\x1bld", created_at=clock.now()))
    [row] = audit_rows()
    assert (len(row.actor), row.actor[:5], len(row.address)) == (191, "A da ", 64)
    assert row.after["name"] == "Go ld"


def test_the_number_of_logged_failures_is_limited(app):
    now = clock.now()
    for _ in range(2):
        with db.transaction() as session:
            for _ in range(sign_ins.MAX_LOGGED_FAILURES):
                sign_ins.log_failure(session, "Ada", now)
    with db.transaction() as session:
        failed = session.scalars(select(AuditEntry).where(AuditEntry.action == "failed")).all()
    assert len(failed) == sign_ins.MAX_LOGGED_FAILURES
