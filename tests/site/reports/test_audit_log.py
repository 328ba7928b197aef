"""What the audit log notes: each change in its own transaction, with who made it, and never a secret."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from pointsync import clock, db
from pointsync.accounts import admins, api_keys, sign_ins
from pointsync.ledger import audit_recorder
from pointsync.ledger.record import Draft, record
from pointsync.models import Audit, Reserve
from pointsync.runtime import runtime
from pointsync.sync.site import passes, settings
from pointsync.woocommerce import hooks

ADA = db.Actor("Ada", "password", "192.0.2.7")
CANARY = "canary-5e4d1b"


def rows() -> list[Audit]:
    """What was noted since the site's first start, oldest first."""
    with db.write() as session:
        return list(session.scalars(select(Audit).where(Audit.how != "site").order_by(Audit.id)))


@pytest.fixture
def as_ada(app):
    db.acts(ADA)


def test_a_change_is_noted_with_who_and_what_before_and_after(as_ada):
    with db.write() as session:
        settings.change(session, "max_attempts", "12")
    with db.write() as session:
        settings.change(session, "max_attempts", "15")
    with db.write() as session:
        settings.change(session, "max_attempts", "15")
    first, second = rows()
    assert (first.actor, first.how, first.address) == ("Ada", "password", "192.0.2.7")
    assert (first.action, first.noun, first.thing, first.before, first.after) == (
        ("added", "setting", "max_attempts", {}, {"value": "12"})
    )
    assert (second.action, second.before, second.after) == ("changed", {"value": "12"}, {"value": "15"})


def test_what_is_rolled_back_leaves_no_row(as_ada):
    def work(session) -> None:
        settings.change(session, "max_attempts", "12")
        assert session.scalar(select(Audit.actor).where(Audit.noun == "setting")) == "Ada"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.in_write(work)
    assert rows() == []


def test_no_secret_is_in_the_table(as_ada):
    now = clock.now()
    with db.write() as session:
        admin = admins.create(session, "Max", f"{CANARY}-password", now)
        row, key = api_keys.create(session, "webshop", now)
        vault = runtime().vault
        hooks.add(session, vault, name="orders", secret=f"{CANARY}-secret", reserve_key="default", now=now)
        passes.rotate(session, vault, now)
        token = sign_ins.begin(session, admin, now)
        hashes = [admin.password_hash, row.digest]
    with db.write() as session:
        admins.change_password(session, admin.id, f"{CANARY}-password", f"{CANARY}-second")
    kept = "".join(str(tuple(row)) for row in db.db.session.execute(text("SELECT * FROM audit")))
    for secret in (CANARY, key, token, *hashes, "scrypt"):
        assert secret not in kept
    noted = {(row.action, row.noun, row.thing) for row in rows()}
    assert {("added", "admin", "Max"), ("added", "API key", "webshop"), ("added", "hook", "orders")} <= noted
    [changed] = [row for row in rows() if (row.action, row.noun) == ("changed", "admin")]
    assert (changed.before, changed.after) == ({}, {"password_hash": None})
    [rotated] = [row for row in rows() if row.noun == "site"]
    assert rotated.after["sealed_pass"] is None


@pytest.mark.parametrize(
    "statement", [update(Audit).values(actor="nobody"), delete(Audit), text("UPDATE audit SET actor = 'nobody'")]
)
def test_the_database_refuses_to_change_what_was_noted(as_ada, statement):
    with db.write() as session:
        settings.change(session, "max_attempts", "12")
    with pytest.raises(DBAPIError, match="audit log is"), db.write() as session:
        session.execute(statement)
    assert [row.actor for row in rows()] == ["Ada"]


def test_only_what_is_older_than_a_year_can_be_pruned(as_ada):
    now = clock.now()
    with db.write() as session:
        for days in (400, 366, 364):
            row = audit_recorder._row(ADA, now - timedelta(days=days), "old", "row", days, "", {}, {})
            session.execute(Audit.__table__.insert(), [row])
    with db.write() as session:
        audit_recorder.prune(session, now - timedelta(days=365, hours=1))
    assert [row.thing_id for row in rows() if row.action == "old"] == ["364"]


def test_movements_by_hand_are_noted_in_one_row_and_those_of_shops_are_not(as_ada):
    drafts = [Draft("anna@shop.example", 5), Draft("anna@shop.example", 6)]
    with db.write() as session:
        made = record(session, drafts, "panel", clock.now())
    db.acts(db.Actor("webshop", "key", "192.0.2.8"))
    with db.write() as session:
        record(session, drafts, "webshop", clock.now())
    [row] = rows()
    first, last = (each.movement.id for each in made)
    assert (row.action, row.thing, row.after) == (
        ("recorded", "anna@shop.example", {"movements": 2, "first": first, "last": last})
    )


def test_what_others_sent_is_cleaned_and_cut(app):
    db.acts(db.Actor("A\x00da\n" + "x" * 300, "password", "9" * 99))
    with db.write() as session:
        session.add(Reserve(key="gold", name="Go\x1bld", created_at=clock.now()))
    [row] = rows()
    assert (len(row.actor), row.actor[:5], len(row.address)) == (191, "A da ", 64)
    assert row.after["name"] == "Go ld"


def test_a_guesser_fills_no_disk(app):
    now = clock.now()
    for _ in range(2):
        with db.write() as session:
            for _ in range(sign_ins.MOST_FAILED):
                sign_ins.note_failure(session, "Ada", now)
    with db.write() as session:
        failed = session.scalars(select(Audit).where(Audit.action == "failed")).all()
    assert len(failed) == sign_ins.MOST_FAILED
