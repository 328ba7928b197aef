"""Expiring, on both databases: recorded once, whatever is run how often, stopped, or comes late."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from pointsync import db
from pointsync.ledger import expire, expiries
from pointsync.ledger.apply import Incoming, apply
from pointsync.ledger.expiry_rule import Rule, period, yearly
from pointsync.ledger.lots import Loss
from pointsync.ledger.record import Draft
from pointsync.ledger.verify import differences, flow_differences
from pointsync.models import Delivery, Expiry, Movement
from tests.ledger.recording import ANNA, balance, recorded
from tests.support.local import empty, reserve, settle_in, together

PARIS = ZoneInfo("Europe/Paris")
SET_ON = date(2026, 1, 1)
OTHER = "wrk_aaaaaaaaaaaaaaaa"


def noon(month: int, day: int, year: int = 2026) -> datetime:
    return datetime(year, month, day, 12, tzinfo=UTC)


def let(rule: Rule) -> None:
    """Set the rule of the reserve `default`."""
    with db.write() as session:
        expiries.set_rule(session, reserve(session), rule)


def run(now: datetime, at_once: int | None = None) -> int:
    """What the job does of a day, whether or not it is done already; how many movements it made."""
    with db.write() as session:
        reserve_id, last_seq = reserve(session).id, expire.begin(session)
    after, made = 0, 0
    while True:
        with db.write() as session:
            found, after = expire.overdue(session, reserve_id, after, PARIS, now)
        with db.write() as session:
            made += expire.expire(session, reserve_id, found, PARIS, now)
        if not after:
            break
    with db.write() as session:
        expire.finish(session, reserve_id, PARIS, now, last_seq)
    return made


def run_late(now: datetime) -> int:
    with db.write() as session:
        return expire.expire_late(session, reserve(session).id, PARIS, now)


def expired(email: str = ANNA) -> list[tuple[datetime, int]]:
    """The movements of kind `expire`, oldest first: when they count, and their points."""
    with db.write() as session:
        query = select(Movement.at, Movement.points).join(Movement.customer).where(Movement.kind == "expire")
        return [(at, points) for at, points in session.execute(query.order_by(Movement.seq))]


def is_sound() -> bool:
    with db.write() as session:
        return differences(session) == [] and flow_differences(session) == []


def midnight(month: int, day: int, hours_east: int, year: int = 2026) -> datetime:
    return datetime(year, month, day, tzinfo=UTC) - timedelta(hours=hours_east)


def test_the_worked_example(app: Flask) -> None:
    let(period("transactional", 9, "months", SET_ON))
    for points, now in ((300, noon(1, 1)), (-50, noon(1, 15)), (100, noon(2, 2))):
        recorded(Draft(ANNA, points), now=now)
    assert run(datetime(2026, 9, 30, 21, 59, tzinfo=UTC)) == 0  # 23:59 in Paris
    assert run(datetime(2026, 9, 30, 22, 0, tzinfo=UTC)) == 1
    assert expired() == [(midnight(10, 1, 2), -250)]
    assert balance() == 100
    assert run(noon(10, 1)) == run(noon(10, 2)) == 0
    assert run(noon(11, 2)) == 1
    assert balance() == 0
    assert is_sound()


def test_it_is_of_this_site_and_stays_here(app: Flask) -> None:
    let(period("transactional", 1, "days", SET_ON))
    recorded(Draft(ANNA, 300), now=noon(1, 1))
    run(noon(1, 2))
    with db.write() as session:
        made = session.scalars(select(Movement).where(Movement.kind == "expire")).one()
        assert (made.points, made.balance, made.reason, made.below_zero) == (-300, 0, "Expired", False)
        assert made.recorded_at == noon(1, 2)
        assert session.scalars(select(Delivery).where(Delivery.movement_seq == made.seq)).all() == []


def test_three_days_that_were_missed_are_caught_up_each_on_its_day(app: Flask) -> None:
    let(period("transactional", 10, "days", SET_ON))
    for day in range(1, 6):
        recorded(Draft(ANNA, day), now=noon(1, day))
    assert run(noon(1, 11)) == 1
    assert run(noon(1, 14)) == 3
    assert expired() == [
        (midnight(1, 11, 1), -1),
        (midnight(1, 12, 1), -2),
        (midnight(1, 13, 1), -3),
        (midnight(1, 14, 1), -4),
    ]
    assert balance() == 5


def test_daylight_saving_moves_the_moment_and_not_the_day(app: Flask) -> None:
    let(period("transactional", 1, "days", SET_ON))
    recorded(
        Draft(ANNA, 10), now=datetime(2026, 3, 28, 22, 30, tzinfo=UTC)
    )  # 28 March, 23:30: a day of 23 hours follows
    assert run(datetime(2026, 3, 28, 22, 59, tzinfo=UTC)) == 0
    assert run(datetime(2026, 3, 28, 23, 0, tzinfo=UTC)) == 1
    recorded(Draft(ANNA, 20), now=datetime(2026, 3, 29, 21, 59, tzinfo=UTC))
    assert run(datetime(2026, 3, 29, 22, 0, tzinfo=UTC)) == 1
    assert [at for at, _ in expired()] == [
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),
    ]


def test_a_leap_day(app: Flask) -> None:
    let(yearly(2, 29, SET_ON))
    recorded(Draft(ANNA, 10), now=noon(1, 5))
    run(noon(2, 28))
    recorded(Draft(ANNA, 20), now=noon(1, 5, 2028))
    assert run(noon(2, 28, 2028)) == 0
    run(noon(2, 29, 2028))
    assert expired() == [(midnight(2, 28, 1), -10), (midnight(2, 29, 1, 2028), -20)]


def late(points: int, at: datetime, now: datetime, name: str = "1") -> None:
    """A movement of another site that arrives only now."""
    with db.write() as session:
        [result] = apply(session, OTHER, reserve(session), [Incoming(name, ANNA, points, kind="spend", at=at)], now)
        assert result.status == "applied"


def test_a_spend_that_arrives_late_has_the_expiry_worked_out_again(app: Flask) -> None:
    let(period("transactional", 10, "days", SET_ON))
    recorded(Draft(ANNA, 100), now=noon(1, 1))
    run(noon(1, 11))
    assert balance() == 0
    late(-30, noon(1, 5), noon(1, 11))
    assert balance() == -30
    assert run_late(noon(1, 11)) == 1
    assert expired() == [(midnight(1, 11, 1), -100), (noon(1, 11), 30)]
    assert balance() == 0
    assert run_late(noon(1, 11)) == 0
    assert run(noon(1, 12)) == 0
    assert is_sound()


def test_points_that_arrive_late_are_lost_on_the_day_that_was_theirs(app: Flask) -> None:
    let(period("transactional", 10, "days", SET_ON))
    recorded(Draft(ANNA, 100), now=noon(1, 5))
    run(noon(1, 11))
    late(40, noon(1, 1), noon(1, 12))
    assert run(noon(1, 12)) == 1
    assert expired() == [(midnight(1, 11, 1), -40)]
    assert balance() == 100


def test_a_spend_after_the_expiry_leaves_it(app: Flask) -> None:
    let(period("transactional", 10, "days", SET_ON))
    recorded(Draft(ANNA, 100), now=noon(1, 1))
    run(noon(1, 11))
    late(-30, noon(1, 11), noon(1, 12))
    assert run_late(noon(1, 12)) == run(noon(1, 12)) == 0
    assert balance() == -30


def test_what_an_earlier_rule_has_taken_stands(app: Flask) -> None:
    let(period("transactional", 10, "days", SET_ON))
    recorded(Draft(ANNA, 100), Draft(ANNA, 50, at=noon(1, 1)), now=noon(1, 8))
    run(noon(1, 11))
    assert balance() == 100
    let(period("transactional", 12, "months", date(2026, 1, 11)))
    assert run(noon(1, 12)) == 0
    assert balance() == 100
    let(period("transactional", 1, "days", date(2026, 1, 12)))
    assert run(noon(1, 12)) == 1
    assert expired()[1:] == [(midnight(1, 12, 1), -100)]
    assert balance() == 0


def test_the_same_rule_again_changes_nothing(app: Flask) -> None:
    rule = period("transactional", 10, "days", SET_ON)
    let(rule)
    recorded(Draft(ANNA, 100), now=noon(1, 1))
    run(noon(1, 11))
    let(period("transactional", 10, "days", date(2026, 5, 5)))
    with db.write() as session:
        assert session.get_one(Expiry, reserve(session).id).version == 1
        assert expiries.get(session, reserve(session)) == rule
    late(-30, noon(1, 5), noon(1, 11))
    run(noon(1, 12))
    assert balance() == 0


def test_switched_off_nothing_is_lost_and_switched_on_again_what_was_lost_stays(app: Flask) -> None:
    let(period("transactional", 10, "days", SET_ON))
    recorded(Draft(ANNA, 100), Draft(ANNA, 7, at=noon(1, 1)), now=noon(1, 5))
    run(noon(1, 11))
    with db.write() as session:
        expiries.switch_off(session, reserve(session), date(2026, 1, 12))
    with db.write() as session:
        assert expiries.get(session, reserve(session)) is None
        assert expire.due(session, PARIS, noon(1, 30)) == []
        assert expire.expire(session, reserve(session).id, [1], PARIS, noon(1, 30)) == 0
    let(period("transactional", 10, "days", date(2026, 1, 20)))
    run(noon(1, 20))
    assert [points for _, points in expired()] == [-7, -100]
    assert balance() == 0


def test_a_reserve_is_due_once_a_day_and_never_while_it_is_not_active(app: Flask) -> None:
    def due(now: datetime) -> bool:
        with db.write() as session:
            return bool(expire.due(session, PARIS, now))

    assert not due(noon(1, 1))
    let(period("transactional", 10, "days", SET_ON))
    assert due(noon(1, 1))
    run(noon(1, 1))
    assert not due(datetime(2026, 1, 1, 22, 59, tzinfo=UTC))
    assert due(datetime(2026, 1, 1, 23, 0, tzinfo=UTC))
    with db.write() as session:
        reserve(session).is_active = False
    assert not due(noon(1, 5))


def test_runs_at_the_same_time_record_once(app: Flask) -> None:
    let(period("transactional", 1, "days", SET_ON))
    emails = [f"c{number}@shop.example" for number in range(30)]
    recorded(*[Draft(email, 10) for email in emails], now=noon(1, 1))
    with db.write() as session:
        reserve_id = reserve(session).id
        found, _ = expire.overdue(session, reserve_id, 0, PARIS, noon(1, 2))

    def job() -> int:
        return db.in_write(lambda session: expire.expire(session, reserve_id, found, PARIS, noon(1, 2)))

    assert sum(together(app, job, job, job)) == 30
    assert all(balance(email) == 0 for email in emails)
    assert is_sound()


def test_more_customers_than_one_transaction_takes(app: Flask) -> None:
    let(period("transactional", 1, "days", SET_ON))
    count = expire.AT_ONCE * 2
    recorded(*[Draft(f"c{number}@shop.example", 10) for number in range(count)], now=noon(1, 1))
    assert run(noon(1, 2)) == count
    assert run(noon(1, 2)) == 0


def test_who_would_lose_what_and_when(app: Flask) -> None:
    recorded(Draft(ANNA, 100), now=noon(1, 1))
    recorded(Draft("bob@shop.example", 5), now=noon(3, 1))
    recorded(Draft("eve@shop.example", 5), Draft("eve@shop.example", -5), now=noon(3, 1))
    rule = period("transactional", 30, "days", date(2026, 3, 1))
    with db.write() as session:
        found = list(expire.foresee(session, reserve(session), rule, PARIS, date(2026, 12, 31)))
        assert found == [
            (ANNA, [Loss(date(2026, 3, 1), 100)]),
            ("bob@shop.example", [Loss(date(2026, 3, 31), 5)]),
        ]
        assert list(expire.foresee(session, reserve(session), rule, PARIS, date(2026, 2, 28))) == []
    assert expired() == []
    let(rule)
    run(noon(3, 1))
    with db.write() as session:
        left = list(expire.foresee(session, reserve(session), rule, PARIS, date(2026, 12, 31)))
    assert left == [("bob@shop.example", [Loss(date(2026, 3, 31), 5)])]


steps = st.lists(
    st.tuples(st.integers(0, 9), st.integers(-30, 30).filter(bool), st.integers(0, 12)), min_size=1, max_size=8
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.integers(1, 20), st.sets(st.integers(0, 90), max_size=6))
def test_however_often_it_ran_it_comes_to_what_one_run_does(
    app: Flask, steps: list[tuple[int, int, int]], days: int, runs: set[int]
) -> None:
    """Movements come up to twelve days late, from another site, and the job runs on any days, or on one."""
    ends = []
    for ran_on in (runs | {100}, {100}):
        empty()
        settle_in()
        let(period("transactional", days, "days", SET_ON))
        arrivals, day = [], 0
        for number, (gap, points, lateness) in enumerate(steps, start=1):
            day += gap
            arrivals.append((day + lateness, day, points, str(number)))
        todo = sorted([(arrival, 0, each) for arrival, *each in arrivals] + [(at, 1, []) for at in ran_on])
        for at, is_run, each in todo:
            now = noon(1, 1) + timedelta(days=at)
            if is_run:
                run(now)
                assert run(now) == 0
            else:
                made, points, name = each
                late(points, noon(1, 1) + timedelta(days=made), now, name)
        ends.append((balance(), sum(points for _, points in expired())))
        assert is_sound()
    assert ends[0] == ends[1]
