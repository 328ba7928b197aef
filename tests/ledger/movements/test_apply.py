"""Applying movements of other sites: each exactly once, and refusals do not stop the others."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import func, select

from pointsync import db
from pointsync.digests import DigestSum, digest
from pointsync.ledger import received_summary, reserves
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.balances import get_current_balance
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Customer, Delivery, Movement, Site
from pointsync.models.movement import LOCAL_KINDS
from pointsync.text_limits import MAX_POINTS, MAX_REASON_LENGTH, MAX_REF_LENGTH
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW

ANNA = "anna@shop.example"
BOB = "bob@shop.example"
ORIGIN = "wrk_0123456789abcdef"
OTHER = "wrk_fedcba9876543210"

pytestmark = pytest.mark.usefixtures("app")


def apply_batch(*incoming: IncomingMovement, origin: str = ORIGIN, key: str = "default", now=NOW):
    """Apply a batch and commit; returns the results."""
    with db.transaction() as session:
        return apply(session, origin, get_reserve(session, key), incoming, now)


def apply_statuses(*incoming: IncomingMovement, **more) -> list[str]:
    """The statuses of the results."""
    return [result.status for result in apply_batch(*incoming, **more)]


def balance(email: str = ANNA) -> int | None:
    """The customer's balances in all reserves, added up."""
    with db.transaction() as session:
        return session.scalar(
            select(func.sum(Balance.points))
            .join(Customer, Customer.id == Balance.customer_id)
            .where(Customer.email == email)
        )


def list_movements() -> list[Movement]:
    """All movements, in the order in which they were recorded."""
    with db.transaction() as session:
        return list(session.scalars(select(Movement).order_by(Movement.seq)))


def count_and_max_id(origin: str = ORIGIN, key: str = "default"):
    """The summary of received movements as sent on the wire, whose hash must be the sum of their digests."""
    with db.transaction() as session:
        reserve_id = get_reserve(session, key).id
        have = received_summary.get_have(session, origin, reserve_id)
        rows = session.execute(
            select(Movement.id, Movement.points, Customer.email)
            .join(Customer, Customer.id == Movement.customer_id)
            .where(Movement.origin == origin, Movement.reserve_id == reserve_id, Movement.points != 0)
        )
        assert have.pop("hash") == DigestSum.of(digest(*row) for row in rows).to_json()["hash"]
        return have


FIRST = IncomingMovement("1001", ANNA, 25, kind="earn", reason="Order 7", at=NOW - timedelta(hours=1), ref="7")


def test_a_movement_is_stored_as_it_was_given():
    assert apply_batch(replace(FIRST, is_history=True))[0].balance == 25
    [movement] = list_movements()
    assert (movement.origin, movement.id, movement.points, movement.balance) == (ORIGIN, "1001", 25, 25)
    assert (movement.kind, movement.reason, movement.ref, movement.source) == ("earn", "Order 7", "7", None)
    assert (movement.at, movement.recorded_at) == (NOW - timedelta(hours=1), NOW)
    assert (movement.is_history, movement.below_zero) == (True, False)


def test_again_is_a_duplicate_and_changes_nothing():
    apply_batch(FIRST)
    for again in (
        FIRST,
        replace(FIRST, customer=" ANNA@Shop.Example "),
        replace(FIRST, kind="spend", reason="x", at=None),
    ):
        assert apply_statuses(again, now=NOW + timedelta(days=9)) == ["duplicate"]
    assert (len(list_movements()), balance(), count_and_max_id()) == (1, 25, {"count": 1, "max_id": "1001"})


def test_the_same_id_with_other_content_is_a_conflict_and_changes_nothing():
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
    apply_batch(FIRST)
    for other in (
        replace(FIRST, points=26),
        replace(FIRST, points=-25),
        replace(FIRST, points=0),
        replace(FIRST, points=10**12),
        replace(FIRST, customer=BOB),
        replace(FIRST, customer="nobody@shop.example"),
        replace(FIRST, customer="no address"),
        replace(FIRST, points=0, set_to=25),
    ):
        [result] = apply_batch(other)
        assert (result.status, result.code) == ("conflict", "conflict"), other
    assert apply_statuses(FIRST, key="gold") == ["conflict"]
    assert (len(list_movements()), balance(), count_and_max_id()) == (1, 25, {"count": 1, "max_id": "1001"})
    assert count_and_max_id(key="gold") == {"count": 0, "max_id": "0"}


def test_a_mixed_batch_is_answered_in_its_order():
    apply_batch(FIRST, replace(FIRST, id="1002", customer=BOB))
    results = apply_batch(
        replace(FIRST, id="1003", points=5),
        FIRST,
        replace(FIRST, id="1002", points=26),
        replace(FIRST, id="1004", kind="expire"),
        replace(FIRST, id="1005", customer="no address"),
        replace(FIRST, id="1006", points=MAX_POINTS),
        replace(FIRST, id="1007", points=-7, kind="spend"),
        replace(FIRST, id="1008", customer="new@shop.example", points=1),
    )
    assert [(result.id, result.status) for result in results] == [
        ("1003", "applied"),
        ("1001", "duplicate"),
        ("1002", "conflict"),
        ("1004", "refused"),
        ("1005", "refused"),
        ("1006", "refused"),
        ("1007", "applied"),
        ("1008", "applied"),
    ]
    assert [result.code for result in results[2:6]] == ["conflict", "local_kind", "malformed", "out_of_bounds"]
    assert all(result.message for result in results[2:6])
    assert [result.balance for result in results] == [30, None, None, None, None, None, 23, 1]
    assert (balance(), balance(BOB), balance("new@shop.example")) == (23, 25, 1)
    assert count_and_max_id() == {"count": 5, "max_id": "1008"}


def test_the_same_id_twice_in_one_batch():
    assert apply_statuses(FIRST, FIRST, replace(FIRST, points=26), FIRST) == [
        "applied",
        "duplicate",
        "conflict",
        "duplicate",
    ]
    assert (len(list_movements()), balance(), count_and_max_id()["count"]) == (1, 25, 1)


def test_a_refused_movement_can_be_sent_again_corrected():
    assert apply_statuses(replace(FIRST, customer="no address"), FIRST) == ["refused", "applied"]
    assert apply_statuses(replace(FIRST, id="1002", kind="opening")) == ["refused"]
    assert apply_statuses(replace(FIRST, id="1002")) == ["applied"]
    assert balance() == 50


def test_the_same_id_of_another_origin_is_another_movement():
    assert apply_statuses(FIRST) == apply_statuses(replace(FIRST, points=7), origin=OTHER) == ["applied"]
    assert (balance(), count_and_max_id()["count"], count_and_max_id(OTHER)["count"]) == (32, 1, 1)


def test_local_kinds_are_refused():
    for kind in sorted(LOCAL_KINDS):
        [result] = apply_batch(replace(FIRST, kind=kind))
        assert (result.status, result.code) == ("refused", "local_kind")
    assert (list_movements(), balance()) == ([], None)


def test_an_unknown_kind_is_kept_and_applied():
    assert apply_statuses(replace(FIRST, kind="birthday")) == ["applied"]
    assert [movement.kind for movement in list_movements()] == ["birthday"]
    for kind in ("", "x" * 33, "a\nb", "a\x00b", "\ud800"):
        [result] = apply_batch(replace(FIRST, id="1002", kind=kind))
        assert (result.status, result.code) == ("refused", "malformed")
    assert apply_statuses(replace(FIRST, id="1002", kind="x" * 32)) == ["applied"]


def test_below_zero_is_applied_and_flagged():
    results = apply_batch(replace(FIRST, points=-10, kind="spend"), replace(FIRST, id="1002", points=3, kind="earn"))
    assert [result.balance for result in results] == [-10, -7]
    assert [movement.below_zero for movement in list_movements()] == [True, False]


def test_below_zero_is_not_flagged_where_the_reserve_allows_it():
    with db.transaction() as session:
        get_reserve(session).may_go_below_zero = True
    apply_batch(replace(FIRST, points=-10, kind="spend"))
    assert [movement.below_zero for movement in list_movements()] == [False]


def test_a_balance_stays_within_bounds():
    apply_batch(replace(FIRST, points=MAX_POINTS))
    results = apply_batch(
        replace(FIRST, id="1002", points=1),
        replace(FIRST, id="1003", points=-1),
        replace(FIRST, id="1004", points=1),
        replace(FIRST, id="1005", points=MAX_POINTS + 1, customer=BOB),
        replace(FIRST, id="1006", points=-(10**40), customer=BOB),
        replace(FIRST, id="1007", points=-MAX_POINTS, customer=BOB),
        replace(FIRST, id="1008", points=-1, customer=BOB),
    )
    assert [result.status for result in results] == [
        "refused",
        "applied",
        "applied",
        "refused",
        "refused",
        "applied",
        "refused",
    ]
    assert {result.code for result in results if result.status == "refused"} == {"out_of_bounds"}
    assert (balance(), balance(BOB)) == (MAX_POINTS, -MAX_POINTS)


def test_a_time_far_ahead_becomes_the_arrival_time():
    day = timedelta(days=1)
    times = [NOW + day, NOW + day + timedelta(milliseconds=1), NOW + 900 * day, NOW - 900 * day, None]
    apply_batch(*(replace(FIRST, id=str(2000 + number), at=at) for number, at in enumerate(times)))
    assert [movement.at for movement in list_movements()] == [NOW + day, NOW, NOW, NOW - 900 * day, NOW]


def test_texts_are_sanitised_rather_than_refused():
    apply_batch(replace(FIRST, reason=" a\nb\x00c\ud800 " + "ü" * 600, ref="r\t" + "x" * 300))
    [movement] = list_movements()
    assert movement.reason.startswith("a b c ")
    assert len(movement.reason) == MAX_REASON_LENGTH
    assert movement.ref.startswith("r x")
    assert len(movement.ref) == MAX_REF_LENGTH


def test_refs_of_others_are_shown_and_not_enforced():
    assert apply_statuses(FIRST, replace(FIRST, id="1002")) == ["applied", "applied"]
    with db.transaction() as session:
        [mine] = record(session, [Draft(ANNA, 5, ref="7")], "api:web", NOW)
    assert mine.status == "recorded"


def test_sets_follow_each_other_and_are_known_again():
    first = IncomingMovement("a1", ANNA, set_to=40)
    assert [result.balance for result in apply_batch(FIRST, first, IncomingMovement("a2", ANNA, set_to=15))] == [
        25,
        40,
        15,
    ]
    assert [movement.points for movement in list_movements()] == [25, 15, -25]
    assert apply_statuses(first, replace(first, set_to=41)) == ["duplicate", "conflict"]
    assert balance() == 15


def test_ids_are_compared_as_text():
    assert (
        apply_statuses(
            IncomingMovement("7", ANNA, 1), IncomingMovement("07", ANNA, 1), IncomingMovement("seven", ANNA, 1)
        )
        == ["applied"] * 3
    )
    assert count_and_max_id() == {"count": 3, "max_id": "7"}


def test_the_summary_counts_each_reserve_and_the_highest_id():
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
    assert count_and_max_id() == {"count": 0, "max_id": "0"}
    highest = str(2**63 - 1)
    apply_batch(*(replace(FIRST, id=name) for name in ("9", "100", highest, "20")))
    apply_batch(replace(FIRST, id="30"), key="gold")
    assert count_and_max_id() == {"count": 4, "max_id": highest}
    apply_batch(replace(FIRST, id="31"))
    assert count_and_max_id() == {"count": 5, "max_id": highest}
    assert count_and_max_id(key="gold") == {"count": 1, "max_id": "30"}


def test_a_known_movement_gives_the_current_balance():
    apply_batch(FIRST, replace(FIRST, id="1002", points=5))
    with db.transaction() as session:
        assert get_current_balance(session, ORIGIN, "1001") == 30
        assert get_current_balance(session, ORIGIN, "1003") is None
        assert get_current_balance(session, OTHER, "1001") is None


def test_received_movements_get_no_deliveries_and_no_local_ids():
    with db.transaction() as session:
        last = session.get_one(Site, 1).last_id
    apply_batch(FIRST)
    with db.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Delivery)) == 0
        assert session.get_one(Site, 1).last_id == last


def test_a_whole_batch_is_applied_at_once_and_again():
    batch = [
        replace(FIRST, id=str(5000 + number), customer=f"c{number % 300}@shop.example", points=1)
        for number in range(1000)
    ]
    assert set(apply_statuses(*batch)) == {"applied"}
    assert set(apply_statuses(*reversed(batch))) == {"duplicate"}
    assert (len(list_movements()), balance("c0@shop.example"), count_and_max_id()["count"]) == (1000, 4, 1000)


def test_an_empty_batch():
    assert apply_batch() == []
    assert count_and_max_id() == {"count": 0, "max_id": "0"}


def test_an_error_after_the_batch_takes_it_back():
    def operation(session):
        apply(session, ORIGIN, get_reserve(session), [FIRST], NOW)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        db.run_in_transaction(operation)
    assert (list_movements(), balance(), count_and_max_id()["count"]) == ([], None, 0)
    assert apply_statuses(FIRST) == ["applied"]
