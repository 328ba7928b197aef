"""People who are erased: what is kept, what is taken away, and whose movements are whose afterwards."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from pointsync import db
from pointsync.digests import DigestSum, digest
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger import received_summary
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.integrity import scrub
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.ledger.people import people, stored
from pointsync.ledger.people.erased.tokens import is_token
from pointsync.ledger.people.erasure import erasing, erasure_details, erasures, known_movements
from pointsync.ledger.people.erasure.effect import take_effect
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Customer, CustomerChange, ErasedAddress, Movement, MovementChange
from tests.ledger.customers.test_people import BOB, CAROL, ORIGIN, give, merge, rename
from tests.ledger.record_drafts import ANNA, record_all
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW
from tests.support.queries import queries_of

HOUR = timedelta(hours=1)


def erase(email: str, now=NOW + HOUR):
    with db.transaction() as session:
        return erasures.erase(session, email, "ada", now).id


def living() -> dict[str, int]:
    """The points of the customers who are not erased."""
    with db.transaction() as session:
        rows = session.execute(select(Customer.email, Balance.points).join(Balance, Balance.customer_id == Customer.id))
        return {email: points for email, points in rows if not is_token(email)}


def erased_points() -> int:
    with db.transaction() as session:
        rows = session.execute(select(Customer.email, Balance.points).join(Balance, Balance.customer_id == Customer.id))
        return sum(points for email, points in rows if is_token(email))


def is_right() -> bool:
    """Whether all sums are right, and nothing looks as if somebody had edited it."""
    with db.transaction() as session:
        notes, _ = scrub.find_altered(session, 0)
        is_noted = session.scalar(select(MovementChange.id).limit(1)) is not None
        return not (find_balance_differences(session) or notes or is_noted or scrub.find_wrong_sums(session))


def stored_texts() -> str:
    """All texts of the tables that say who somebody is."""
    with db.transaction() as session:
        texts = [*session.execute(select(Customer.email, Customer.spelling))]
        texts += session.execute(select(CustomerChange.customer, CustomerChange.into_address))
        texts += session.execute(select(Movement.sent_customer, Movement.reason, Movement.ref))
        return repr(texts)


def receive(*movements: IncomingMovement) -> list[str]:
    with db.transaction() as session:
        return [each.status for each in apply(session, ORIGIN, get_reserve(session), movements, NOW + 3 * HOUR)]


def test_an_erased_person_keeps_the_points_and_loses_all_addresses(app):
    give(10)
    give(5, BOB)
    give(7, CAROL)
    rename(ANNA, "anna@new.example")
    merge(BOB, "anna@new.example")
    with db.transaction() as session:
        before = DigestSum.of(session.scalars(select(Movement.digest)))
    erasure_id = erase(BOB)
    assert living() == {CAROL: 7}
    assert erased_points() == 15
    assert not any(each in stored_texts() for each in (ANNA, BOB, "anna@new.example"))
    with db.transaction() as session:
        assert DigestSum.of(session.scalars(select(Movement.digest))) == before
        erasure = erasures.get(session, erasure_id)
        assert (erasure.counts["addresses"], erasure.counts["movements"]) == (3, 2)
        assert set(erasure_details.list_plain(erasure)) == {ANNA, BOB, "anna@new.example"}
    assert is_right()


def test_what_is_dated_before_goes_to_the_erased_person_and_what_is_later_to_a_new_customer(app):
    give(10)
    erase(ANNA)
    early, late = NOW + HOUR / 2, NOW + 2 * HOUR
    with db.transaction() as session:
        drafts = [Draft(ANNA, 1, at=early), Draft(ANNA, 100, at=late), Draft(ANNA, 2, at=early)]
        results = record(session, drafts, "api:shop", NOW + 3 * HOUR)
        assert [is_token(each.email) for each in results] == [True, False, True]
    assert living() == {ANNA: 100}
    assert erased_points() == 13
    assert receive(
        IncomingMovement("5", ANNA, 20, at=early), IncomingMovement("6", "Anna@Shop.example", 200, at=late)
    ) == ["applied", "applied"]
    assert living() == {ANNA: 300}
    assert erased_points() == 33
    assert is_right()


def test_a_late_movement_leaves_no_new_customer(app):
    give(10)
    erase(ANNA)
    assert receive(IncomingMovement("5", ANNA, 20, at=NOW)) == ["applied"]
    assert ANNA not in stored_texts()
    assert is_right()


def test_movements_that_came_before_the_erasure_but_are_later_move_to_a_new_customer(app):
    give(10)
    rename(ANNA, "anna@new.example")
    for number in range(3):
        receive(IncomingMovement(str(number + 5), ANNA, 100, at=NOW + 2 * HOUR))
    with db.transaction() as session:  # an erasure of another site, dated before them
        people.begin(session)
        take_in(session, ANNA, NOW + HOUR)
    assert erased_points() == 10
    assert living() == {ANNA: 300}
    assert is_right()


def take_in(session, address, at, change_id="77"):
    """What an erasure of another site does when it arrives."""
    from pointsync.ledger.people.erased import erasure_keys
    from pointsync.models import Erasure

    erasure_keys.save(session, ORIGIN, bytes(32))
    erasure = Erasure(
        origin=ORIGIN, change_id=change_id, requested_at=at, requested_by=ORIGIN, due_at=at, effective_at=at
    )
    erasure.position, erasure.counts, erasure.seen = {}, {}, {}
    session.add(erasure)
    session.flush()
    take_effect(session, erasing.erase_addresses(session, erasure, [address], NOW + 3 * HOUR), NOW + 3 * HOUR)
    return erasure


def test_a_movement_is_known_again_whichever_side_has_erased_the_customer(app):
    assert receive(IncomingMovement("5", ANNA, 20, at=NOW)) == ["applied"]
    erase(ANNA)
    again = digest("5", 20, ANNA)
    token = f"{'a' * 40}.99@erased.invalid"
    assert receive(IncomingMovement("5", ANNA, 20, at=NOW)) == ["duplicate"]
    assert receive(IncomingMovement("5", token, 20, at=NOW, digest=again)) == ["duplicate"]
    assert receive(IncomingMovement("5", token, 21, at=NOW, digest=again)) == ["conflict"]
    assert receive(IncomingMovement("6", token, 30, at=NOW, digest=12345)) == ["applied"]
    assert receive(IncomingMovement("6", token, 30, at=NOW, digest=12345)) == ["duplicate"]
    with db.transaction() as session:
        summary = received_summary.get_sum(session, ORIGIN, get_reserve(session).id)
        assert summary == DigestSum.of([again, 12345])
    assert is_right()


def test_the_digest_of_a_sender_counts_only_for_erased_people(app):
    assert receive(IncomingMovement("5", ANNA, 20, at=NOW, digest=12345)) == ["applied"]
    with db.transaction() as session:
        assert session.scalars(select(Movement.digest)).one() == digest("5", 20, ANNA)


def test_a_repeated_request_of_a_shop_is_known_after_the_erasure(app):
    give(10, ref="order-1")
    erase(ANNA)
    again = give(10, ref="order-1")
    assert again.status == "duplicate"
    assert living() == {}


def test_nobody_can_record_under_a_token(app):
    give(10)
    erase(ANNA)
    with db.transaction() as session:
        token = session.scalars(select(ErasedAddress.token)).one()
    with pytest.raises(InvalidInput, match="belong to erased people"):
        record_all(Draft(token, 5, is_entered=True))
    give(10, BOB)
    with pytest.raises(InvalidInput, match="belong to erased people"), db.transaction() as session:
        people.rename(session, BOB, token, NOW)
    with pytest.raises(NotFound), db.transaction() as session:
        people.rename(session, token, "anna@new.example", NOW)
    with pytest.raises(NotFound), db.transaction() as session:
        people.unmerge_address(session, token, NOW)
    with pytest.raises(NotFound), db.transaction() as session:
        erasures.erase(session, token, "ada", NOW)


def test_who_comes_back_is_erased_once_more(app):
    give(10)
    erase(ANNA)
    with db.transaction() as session:
        record(session, [Draft(ANNA, 3)], "api:shop", NOW + 2 * HOUR)
    assert living() == {ANNA: 3}
    erase(ANNA, NOW + 3 * HOUR)
    assert living() == {}
    assert erased_points() == 13
    with db.transaction() as session:
        assert session.scalar(select(func.count()).select_from(ErasedAddress)) == 2
    assert is_right()


def test_the_token_may_arrive_before_the_erasure(app):
    give(10)
    with db.transaction() as session:
        from pointsync.ledger.people.erased.tokens import make_hash, make_token

        token = make_token(make_hash(bytes(32), ANNA), "77")
    assert receive(IncomingMovement("5", token, 20, at=NOW, digest=12345)) == ["applied"]
    with db.transaction() as session:
        take_in(session, ANNA, NOW + HOUR)
    with db.transaction() as session:
        [customer] = session.scalars(select(Customer.email))
        assert customer == token
    assert erased_points() == 30
    assert is_right()


def test_an_edited_movement_is_restored_to_the_erased_person(app):
    assert receive(IncomingMovement("5", ANNA, 20, at=NOW, reason="for Anna")) == ["applied"]
    give(1, BOB)
    erase(ANNA)
    with db.transaction() as session:
        bob = session.scalars(select(Customer.id).where(Customer.email == BOB)).one()
        edited = update(Movement).where(Movement.id == "5").values(customer_id=bob, points=21)
        session.execute(edited, execution_options={"synchronize_session": False})

    assert receive(IncomingMovement("5", ANNA, 20, at=NOW, reason="for Anna")) == ["applied"]

    assert living() == {BOB: 1}
    assert erased_points() == 20
    assert ANNA not in stored_texts()


def test_a_person_with_very_many_changes_can_be_erased(app, monkeypatch):
    monkeypatch.setattr(stored, "MAX_CHANGES", 2)
    give(10)
    for number in range(2):
        rename(ANNA, f"anna{number}@new.example")
    with pytest.raises(Conflict, match="changed 2 times"):
        rename(ANNA, BOB)
    erase(ANNA)
    assert living() == {}
    assert is_right()


@pytest.mark.parametrize("is_first", [True, False])
def test_the_customer_of_now_knows_the_later_of_two_erasures(app, is_first):
    """In whatever order they come, what is dated before the later one goes to an erased person."""
    moments = [NOW + HOUR, NOW + 2 * HOUR]
    receive(IncomingMovement("9", ANNA, 500, at=NOW + 3 * HOUR))
    for number in (0, 1) if is_first else (1, 0):
        with db.transaction() as session:
            take_in(session, ANNA, moments[number], str(number + 77))
    assert receive(IncomingMovement("5", ANNA, 20, at=NOW + 1.5 * HOUR)) == ["applied"]
    assert living() == {ANNA: 500}
    assert erased_points() == 20


def test_rows_are_locked_in_the_order_of_everybody(app):
    """Customers, balances, the site: otherwise two who wait for each other would be stopped."""
    if db.get_engine().dialect.name == "sqlite":
        return
    give(10)
    give(5, BOB)
    rename(ANNA, "anna@new.example")
    for change in (
        lambda session: people.merge(session, ANNA, BOB, NOW),
        lambda session: erasures.erase(session, ANNA, "ada", NOW + HOUR),
    ):
        statements = [statement for statement, _ in queries_of(change)]
        locks = [re.search(r"FROM (\w+)\b.* FOR UPDATE|\AUPDATE (\w+)", each, re.DOTALL) for each in statements]
        tables = [lock[1] or lock[2] for lock in locks if lock]
        assert tables.index("customer") < tables.index("balance") < tables.index("site")


def test_what_is_recorded_after_a_customer_was_read_is_erased_too(app):
    """Reading the movements before the transaction makes it short; others may record meanwhile."""
    give(10)
    rename(ANNA, "anna@new.example")
    with db.transaction() as session:
        known = known_movements.read(session, ANNA)
        assert sorted(each.total for each in known.values()) == [0, 1]
    give(3)
    assert receive(IncomingMovement("5", ANNA, 20, at=NOW + 5 * HOUR)) == ["applied"]
    give(1, "anna@new.example")
    with db.transaction() as session:
        erasure = erasures.erase(session, ANNA, "ada", NOW + HOUR, known)
        assert erasure.counts["movements"] == 4
        assert erasure.effective_at > NOW + 5 * HOUR, "a clock was ahead"
    assert living() == {}
    assert erased_points() == 34
    assert is_right()
