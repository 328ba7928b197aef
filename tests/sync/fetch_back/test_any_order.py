"""Property: the end state does not depend on the order in which remotes return and the shop repeats."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import strategies as st
from sqlalchemy import select

from pointsync import db
from pointsync.ledger.integrity.verify import find_balance_differences, find_hourly_total_differences
from pointsync.models import Balance, Customer, Remote
from pointsync.sync.fetch_back.page import FetchedMovement
from tests.support.apps import create_site, delete_all_rows
from tests.support.hypothesis_profile import given_on_each_database
from tests.support.remote_rows import ANNA
from tests.sync.fetch_back.returns import (
    FIRST_ID,
    HOOK,
    add_remotes,
    begin,
    delivery_states,
    give_back,
    lost,
    own_movements,
    record_returned,
    repeat,
    waiting_decisions,
)

REMOTES = 3
NUMBERS = range(1, 5)
REPEATED_POINTS = (10, 11)


@dataclass(frozen=True)
class Scenario:
    """What each remote holds, by the movement's number, and what the shop repeats: (number, points)."""

    held: tuple[dict[int, int], ...]
    """The points of each movement at each remote: mostly the same everywhere."""
    repeats: frozenset[tuple[int, int]]


scenarios = st.builds(
    Scenario,
    st.tuples(*[st.dictionaries(st.sampled_from(NUMBERS), st.sampled_from([10, 10, 10, 11]))] * REMOTES),
    st.dictionaries(st.sampled_from(NUMBERS), st.sampled_from(REPEATED_POINTS)).map(
        lambda each: frozenset(each.items())
    ),
)
orders = st.permutations(range(REMOTES * 2 + len(NUMBERS)))


@given_on_each_database(scenarios, orders, orders, max_examples=20)
def test_any_order_gives_the_same_end_state(app, scenario, first_order, second_order):
    assert play(scenario, first_order) == play(scenario, second_order)


def play(scenario: Scenario, order: list[int]) -> dict[str, object]:
    """Let everything happen in this order; what is here at the end, without ids of new movements."""
    delete_all_rows()
    create_site()
    remote_ids = add_remotes(REMOTES)
    begin()
    pages = {remote_id: split(held) for remote_id, held in zip(remote_ids, scenario.held, strict=True)}
    steps = [*(remote_id for remote_id in remote_ids for _ in range(2)), *sorted(scenario.repeats)]
    for index in order:
        if index >= len(steps):
            continue
        step = steps[index]
        if isinstance(step, tuple):
            number, points = step
            repeat(number, points)
        else:
            page = pages[step].pop(0)
            give_back(step, *page, is_last=not pages[step])
        if any(pages.values()):
            assert not record_returned()
    assert record_returned()
    return end_state(scenario, remote_ids)


def split(held: dict[int, int]) -> list[list[FetchedMovement]]:
    """What a remote returns, in two pages."""
    movements = [lost(number, points, source=HOOK) for number, points in sorted(held.items())]
    return [movements[:1], movements[1:]]


def end_state(scenario: Scenario, remote_ids: list[int]) -> dict[str, object]:
    """Balances, the returned movements with their deliveries, what else counts, decisions and sums."""
    with db.transaction() as session:
        assert find_balance_differences(session) == find_hourly_total_differences(session) == []
        rows = session.execute(select(Customer.email, Balance.points).join(Balance, Balance.customer_id == Customer.id))
        balances = {email: points for email, points in rows if points}
        sums = [session.get_one(Remote, each).delivered for each in remote_ids]
    own = own_movements()
    returned_ids = {str(FIRST_ID + number) for number in NUMBERS}
    decisions = {each.movement_id: str(each.problem) for each in waiting_decisions()}
    assert balances.get(ANNA, 0) == sum(expected_points(scenario, number) for number in NUMBERS)
    return {
        "balances": balances,
        "returned": {each: delivery_states(each.id) for each in own if each.id in returned_ids},
        "repeats": Counter(
            (each.points, each.ref) for each in own if each.id not in returned_ids and each.source == HOOK
        ),
        "decisions": decisions,
        "sums": sums,
    }


def expected_points(scenario: Scenario, number: int) -> int:
    """What a movement counts here: once, whether it was returned or repeated; nothing if the remotes differ."""
    returned = {held[number] for held in scenario.held if number in held}
    repeated = dict(scenario.repeats).get(number)
    if len(returned) == 1:
        return repeated if repeated is not None else returned.pop()
    return repeated or 0
