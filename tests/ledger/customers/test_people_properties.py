"""Whatever is done to customers with several addresses, in whatever order movements arrive: everybody has their own."""

from contextlib import suppress
from itertools import count

from hypothesis import strategies as st

from pointsync import db
from pointsync.errors import DomainError
from pointsync.ledger import customers
from pointsync.ledger.people import people, stored
from pointsync.ledger.people.replay import replay
from tests.ledger.customers.people_steps import (
    NOW,
    add_alias,
    balance_of,
    give,
    is_right,
    merge,
    rename,
    shown,
    unmerge,
)
from tests.support.hypothesis_profile import given_on_each_database

Step = tuple[str, int, int]

CHANGES = {"rename": rename, "alias": add_alias, "merge": merge, "unmerge": lambda email, _: unmerge(email)}
KNOWN, FREE = "abcd", "xy"
"""Customers from the beginning, and addresses that one of them may get."""
_numbers = count()

known = st.integers(0, len(KNOWN) - 1)
anybody = st.integers(0, len(KNOWN + FREE) - 1)
steps = st.lists(
    st.tuples(st.just("give"), known, st.integers(1, 99)) | st.tuples(st.sampled_from(sorted(CHANGES)), known, anybody),
    max_size=10,
)


def run(order: list[Step]) -> list[str]:
    """The addresses, after the steps in this order. A change that is refused changes nothing."""
    number = next(_numbers)
    emails = [f"{name}.{number}@shop.example" for name in KNOWN + FREE]
    for each in range(len(KNOWN)):
        give(each + 1, emails[each])
    for kind, first, second in order:
        if kind == "give":
            give(second, emails[first])
        else:
            with suppress(DomainError, IndexError):
                CHANGES[kind](emails[first], emails[second])
    return emails


def describe(emails: list[str]) -> list[tuple[int, int | None]]:
    """Of each address: the place of the address that is shown, and the balance. An unused one is shown as itself."""
    balances = [balance_of(each) for each in emails]
    return [
        (place if balances[place] is None else emails.index(shown(email)), balances[place])
        for place, email in enumerate(emails)
    ]


def sums(order: list[Step]) -> list[int]:
    """What was given to each address."""
    given = [each + 1 for each in range(len(KNOWN))] + [0] * len(FREE)
    for kind, first, second in order:
        given[first] += second if kind == "give" else 0
    return given


@given_on_each_database(steps, max_examples=20)
def test_the_order_of_arrival_makes_no_difference(app, order):
    gives = [each for each in order if each[0] == "give"]
    changes = [each for each in order if each[0] != "give"]

    found = [describe(run(each)) for each in (order, gives + changes, changes + gives)]

    assert found[0] == found[1] == found[2]
    assert sum({place: points or 0 for place, points in found[0]}.values()) == sum(sums(order))
    assert is_right()


@given_on_each_database(steps, max_examples=20)
def test_an_unmerge_after_anything_gives_back_what_each_had(app, order):
    emails, given = run(order), sums(order)
    with db.transaction() as session:
        changes = stored.list_related(session, emails)
        merges = {
            merge.change.key
            for email in emails[: len(KNOWN)]
            for merge in people.list_merges(session, customers.get(session, email))
        }
    for key in sorted(merges):
        with db.transaction() as session:
            people.unmerge(session, key, NOW)
        changes = [each for each in changes if each.key != key]
        as_if_never_merged = replay(changes)
        for place, email in enumerate(emails):
            person = as_if_never_merged.find(email)
            if balance_of(email) is not None:
                assert shown(email) == person.address, emails[place]
                assert balance_of(email) == sum(given[emails.index(each)] for each in person.addresses)
    assert is_right()
