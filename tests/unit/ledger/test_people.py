"""Who has which addresses, as the set of changes says."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from pointsync.ledger.people.change import Change, ChangeKey
from pointsync.ledger.people.erased.tokens import make_token
from pointsync.ledger.people.replay import Person, replay

START = datetime(2026, 12, 1, tzinfo=UTC)
ADDRESSES = ("ada@a.example", "bea@b.example", "cid@c.example", "dot@d.example", "eve@e.example")


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def change(minute: int, kind: str, customer: str, into: str | None = None, undoes: int | None = None) -> Change:
    """The change of this minute; its id is the minute, too."""
    target = None if undoes is None else ChangeKey("wrk_a", str(undoes))
    return Change(
        origin="wrk_a", id=str(minute), at=at(minute), change=kind, customer=customer, into=into, undoes=target
    )  # type: ignore[arg-type]


@st.composite
def change_sets(draw: st.DrawFn, kinds: str = "rename alias merge unmerge erase") -> list[Change]:
    """Changes of three sites, some of them of the same time. An `unmerge` may undo what is later, or not there."""
    result = []
    for number in range(draw(st.integers(0, 10))):
        kind = draw(st.sampled_from(kinds.split()))
        origin, minute = draw(st.sampled_from(["wrk_a", "wrk_b", "wrk_c"])), draw(st.integers(1, 8))
        address = draw(st.sampled_from(ADDRESSES))
        into = draw(st.sampled_from(ADDRESSES)) if kind in ("rename", "alias", "merge") else None
        undoes = None
        if kind == "unmerge":
            undoes = ChangeKey(draw(st.sampled_from(["wrk_a", "wrk_b", "wrk_c"])), str(draw(st.integers(0, 9))))
        result.append(
            Change(
                origin=origin, id=str(number), at=at(minute), change=kind, customer=address, into=into, undoes=undoes
            )  # type: ignore[arg-type]
        )
    return result


def test_a_renamed_customer_is_found_by_both_addresses():
    people = replay([change(1, "rename", "ada@a.example", "bea@b.example")])

    person = Person("bea@b.example", ("ada@a.example", "bea@b.example"))
    assert people.find("ada@a.example") == people.find("bea@b.example") == person
    assert people.find("cid@c.example") == Person("cid@c.example", ("cid@c.example",))


def test_an_alias_changes_nothing_about_how_the_customer_is_shown():
    people = replay([change(1, "alias", "ada@a.example", "bea@b.example")])

    assert people.find("bea@b.example").address == "ada@a.example"


def test_a_customer_can_be_renamed_back():
    first, second = ("ada@a.example", "bea@b.example"), ("bea@b.example", "ada@a.example")
    people = replay([change(1, "rename", *first), change(2, "rename", *second)])

    assert people.find("bea@b.example") == Person("ada@a.example", ("ada@a.example", "bea@b.example"))
    assert not people.disputed


def test_a_rename_to_the_address_of_somebody_else_is_disputed():
    merge = change(1, "merge", "bea@b.example", "cid@c.example")
    rename = change(2, "rename", "ada@a.example", "bea@b.example")

    people = replay([merge, rename])

    assert people.disputed == {rename.key}
    assert people.find("ada@a.example") == Person("ada@a.example", ("ada@a.example",))
    assert people.find("bea@b.example").address == "cid@c.example"


def test_of_two_renames_to_the_same_address_the_first_one_counts():
    renames = [change(minute, "rename", ADDRESSES[minute], "eve@e.example") for minute in (2, 1)]

    people = replay(renames)

    assert people.disputed == {renames[0].key}
    assert people.find("eve@e.example").addresses == ("bea@b.example", "eve@e.example")


def test_two_customers_who_were_merged_and_renamed_are_taken_apart():
    changes = [
        change(1, "merge", "ada@a.example", "bea@b.example"),
        change(2, "rename", "bea@b.example", "cid@c.example"),
        change(3, "unmerge", "ada@a.example", undoes=1),
    ]

    people = replay(changes)

    assert people.find("ada@a.example") == Person("ada@a.example", ("ada@a.example",))
    assert people.find("bea@b.example") == Person("cid@c.example", ("bea@b.example", "cid@c.example"))


def test_an_erasure_says_nothing_about_who_has_which_addresses():
    changes = [change(1, "rename", "ada@a.example", "bea@b.example"), change(5, "erase", "bea@b.example")]

    assert replay(changes) == replay(changes[:1])


def test_nothing_joins_a_customer_with_an_erased_person():
    token = make_token("a" * 40, "5")
    changes = [change(1, "merge", token, "ada@a.example"), change(2, "rename", "bea@b.example", token)]

    people = replay(changes)

    assert all(people.find(address) == Person(address, (address,)) for address in (token, *ADDRESSES))


def test_a_merge_of_a_site_whose_clock_is_ahead_is_undone_too():
    unmerge = change(1, "unmerge", "ada@a.example", undoes=2)

    people = replay([unmerge, change(2, "merge", "ada@a.example", "bea@b.example")])

    assert people.find("ada@a.example").addresses == ("ada@a.example",)


@settings(max_examples=100)
@given(st.data(), change_sets())
def test_the_order_of_arrival_makes_no_difference(data: st.DataObject, changes: list[Change]):
    repeated = changes + data.draw(st.lists(st.sampled_from(changes)) if changes else st.just([]))

    assert replay(data.draw(st.permutations(repeated))) == replay(changes)


@settings(max_examples=100)
@given(change_sets())
def test_each_address_belongs_to_one_customer(changes: list[Change]):
    people = replay(changes)

    for address in ADDRESSES:
        person = people.find(address)
        assert address in person.addresses
        assert person.address in person.addresses
        assert all(people.find(each) == person for each in person.addresses)


@settings(max_examples=100)
@given(change_sets(), st.integers(1, 8), st.sampled_from(ADDRESSES), st.sampled_from(ADDRESSES))
def test_an_unmerge_gives_back_what_there_was(changes: list[Change], minute: int, customer: str, into: str):
    merge = Change(origin="wrk_d", id="1", at=at(minute), change="merge", customer=customer, into=into)
    unmerge = Change(origin="wrk_d", id="2", at=at(99), change="unmerge", customer=customer, undoes=merge.key)

    assert replay([*changes, merge, unmerge]) == replay(changes)


@settings(max_examples=100)
@given(change_sets("rename alias merge erase"), change_sets("rename alias merge"))
def test_an_alias_stays_an_alias(changes: list[Change], later: list[Change]):
    before = replay(changes)
    moved = [
        Change(
            origin="wrk_e",
            id=each.id,
            at=at(60) + (each.at - START),
            change=each.change,
            customer=each.customer,
            into=each.into,
        )
        for each in later
    ]

    after = replay([*changes, *moved])

    for person in before.by_address.values():
        assert len({after.find(address) for address in person.addresses}) == 1
