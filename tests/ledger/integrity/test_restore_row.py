"""A movement that somebody edited in the database gets its points and customer back when its origin sends it again."""

import pytest
from msgspec.structs import replace
from sqlalchemy import delete, select, text

from pointsync import clock, db
from pointsync.digests import DigestSum, digest
from pointsync.ledger import received_summary
from pointsync.ledger.apply import ApplyResult, IncomingMovement, apply
from pointsync.ledger.integrity import movement_changes, restore_row
from pointsync.ledger.integrity.verify import find_balance_differences, find_hourly_total_differences
from pointsync.models import AlteredMovement, AuditEntry, Balance, Customer, Difference, Movement, MovementChange, Site
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import add_remote, record_points

ANNA, BOB = "anna@shop.example", "bob@shop.example"
ORIGIN = "wrk_0123456789abcdef"
FIRST = IncomingMovement("1001", ANNA, 25, kind="earn", reason="Order 7", at=NOW)
SECOND = IncomingMovement("1002", ANNA, 5, kind="earn", at=NOW)


EDITS = {
    "points": "UPDATE movement SET points = 1000 WHERE id = '1001'",
    "no points": "UPDATE movement SET points = 0 WHERE id = '1001'",
    "customer": f"UPDATE movement SET customer_id = (SELECT id FROM customer WHERE email = '{BOB}') WHERE id = '1001'",
}


def apply_batch(*incoming: IncomingMovement) -> list[ApplyResult]:
    """Apply a batch and commit."""
    with db.transaction() as session:
        return apply(session, ORIGIN, get_reserve(session), incoming, NOW)


def edit(statement: str, *, is_noticed: bool = True) -> None:
    """Edit the database as somebody with a tool would. It is noticed at the next heartbeat."""
    with db.transaction() as session:
        session.execute(text(statement))
    if is_noticed:
        with db.transaction() as session:
            movement_changes.process_next_chunk(session, clock.now())


def balances() -> dict[str, int]:
    with db.transaction() as session:
        query = select(Customer.email, Balance.points).join(Balance, Balance.customer_id == Customer.id)
        return {email: points for email, points in session.execute(query) if points}


def held() -> DigestSum | None:
    with db.transaction() as session:
        return received_summary.get_sum(session, ORIGIN, get_reserve(session).id)


def movements() -> list[tuple[str, int, str, int]]:
    """Id, points, customer and the balance after it."""
    with db.transaction() as session:
        query = select(Movement.id, Movement.points, Customer.email, Movement.balance)
        rows = session.execute(query.join(Customer, Customer.id == Movement.customer_id).order_by(Movement.seq))
        return [tuple(row) for row in rows]


@pytest.fixture(autouse=True)
def _ledger(app: object) -> None:
    apply_batch(FIRST, SECOND, IncomingMovement("1003", BOB, 7, at=NOW))


@pytest.mark.parametrize("is_noticed", [True, False], ids=["noticed", "not noticed yet"])
@pytest.mark.parametrize("name", EDITS)
def test_it_is_restored(name: str, is_noticed: bool) -> None:
    before, sum_before = movements(), held()
    edit(EDITS[name], is_noticed=is_noticed)
    assert movements() != before
    [result, duplicate] = apply_batch(FIRST, FIRST)
    assert (result.status, result.balance, duplicate.status) == ("applied", 30, "duplicate")
    assert (movements(), held(), balances()) == (before, sum_before, {ANNA: 30, BOB: 7})
    with db.transaction() as session:
        assert find_balance_differences(session) == find_hourly_total_differences(session) == []
        assert session.scalars(select(AlteredMovement)).all() == session.scalars(select(MovementChange)).all() == []


def test_edited_balances_are_right_again() -> None:
    edit(EDITS["points"])
    edit("UPDATE balance SET points = points + 975 WHERE points = 30")
    edit("UPDATE movement SET balance = balance + 975 WHERE points IN (1000, 5)")
    assert apply_batch(FIRST)[0].status == "applied"
    assert balances() == {ANNA: 30, BOB: 7}
    assert [row[3] for row in movements()] == [25, 30, 7]


def test_new_movements_of_the_same_batch_follow_it() -> None:
    edit(EDITS["points"])
    edit("UPDATE balance SET points = points + 975 WHERE points = 30")
    results = apply_batch(replace(SECOND, id="1004"), FIRST, replace(SECOND, id="1005"))
    assert [(each.status, each.balance) for each in results] == [("applied", 35), ("applied", 30), ("applied", 40)]
    assert balances() == {ANNA: 40, BOB: 7}


def test_it_is_logged() -> None:
    edit(EDITS["points"])
    apply_batch(FIRST)
    with db.transaction() as session:
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.noun == "movement"))
        assert (entry.action, entry.thing_id, entry.thing) == ("restored", "1001", ANNA)
        assert (entry.before, entry.after) == ({"points": 1000, "customer": ANNA}, {"points": 25, "customer": ANNA})


def test_other_content_than_the_original_is_a_conflict() -> None:
    edit(EDITS["points"])
    for other in (replace(FIRST, points=26), replace(FIRST, customer=BOB), replace(FIRST, points=0, set_to=25)):
        assert [each.status for each in apply_batch(other)] == ["conflict"], other
    assert movements()[0][1] == 1000
    assert [each.status for each in apply_batch(replace(FIRST, points=1000))] == ["duplicate"]


def give_other_digest() -> str:
    """A statement that edits a movement together with its digest."""
    other = digest("1001", 1000, ANNA).to_bytes(16).hex()
    literal = f"'\\x{other}'::bytea" if db.get_engine().dialect.name == "postgresql" else f"x'{other}'"
    return f"UPDATE movement SET points = 1000, digest = {literal} WHERE id = '1001'"


def test_a_movement_that_agrees_with_its_digest_is_never_restored() -> None:
    edit(give_other_digest(), is_noticed=False)
    with db.transaction() as session:
        session.execute(delete(MovementChange))
    assert [each.status for each in apply_batch(FIRST)] == ["conflict"]


def test_a_digest_that_was_edited_too_is_noticed() -> None:
    """The note of the edit has the digest from before, which proves the original."""
    before = held()
    edit(give_other_digest())
    assert held() != before
    with db.transaction() as session:
        assert movement_changes.count_altered(session) == 1
        assert not movement_changes.are_waiting(session)
    assert [each.status for each in apply_batch(FIRST)] == ["applied"]
    assert (movements()[0][1], held()) == (25, before)


def test_a_digest_that_was_edited_several_times_is_the_first_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movement_changes, "CHUNK_SIZE", 1)
    edit(give_other_digest(), is_noticed=False)
    edit("UPDATE movement SET points = 2000 WHERE id = '1001'", is_noticed=False)
    edit(give_other_digest(), is_noticed=False)
    while db.run_in_transaction(lambda session: movement_changes.process_next_chunk(session, clock.now())):
        pass
    assert [each.status for each in apply_batch(FIRST)] == ["applied"]


def test_it_goes_to_a_customer_who_is_not_here_any_more() -> None:
    edit("UPDATE movement SET customer_id = (SELECT id FROM customer WHERE email LIKE 'bob%') WHERE points IN (25, 5)")
    edit(f"UPDATE customer SET email = 'renamed@shop.example' WHERE email = '{ANNA}'")
    assert apply_batch(FIRST)[0].status == "applied"
    assert [row[2] for row in movements()] == [ANNA, BOB, BOB]
    assert balances()[ANNA] == 25


def test_an_edited_movement_of_this_site_is_accepted() -> None:
    """Unless a remote holds it otherwise: then an admin decides which one counts."""
    remote_id = add_remote()
    record_points(1, 2)
    edit("UPDATE movement SET points = points + 100 WHERE points IN (1, 2, 7)")
    with db.transaction() as session:
        first, second = restore_row.list_acceptable(session)
        auth = session.get_one(Site, 1).auth
        session.add(
            Difference(remote_id=remote_id, origin=auth, movement_id=first, kind="altered_here", found_at=clock.now())
        )
    with db.transaction() as session:
        assert restore_row.list_acceptable(session) == [second]
        assert restore_row.accept(session, [first, second, "1003"], clock.now()) == 1
    with db.transaction() as session:
        assert movement_changes.count_altered(session) == 2
        assert restore_row.list_acceptable(session) == []
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "accepted")).one()
        assert (entry.thing_id, entry.after["points"]) == (second, 102)
