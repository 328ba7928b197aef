"""Who lists whom, from what the sites have told: every site should list every other one."""

from pointsync.sync.remotes.network import Member, Network, Sender, Told, members
from tests.support.moving_clock import START


def told(auth: str, *lists: str, knows: bool = True, **more) -> Told:
    """A site that lists these."""
    return Told(auth, auth.upper(), lists=frozenset(lists) if knows else None, **more)


def shape(*known: Told) -> list[tuple]:
    """Of each member: whom it lists, whom it misses, whom it lists elsewhere."""
    return [(each.told.auth, each.lists, each.missing, each.elsewhere) for each in members(known)]


def test_a_full_mesh_misses_nobody():
    family = told("a", "b", "c", is_here=True), told("b", "a", "c"), told("c", "a", "b")
    assert shape(*family) == [
        ("a", ("b", "c"), (), ()),
        ("b", ("a", "c"), (), ()),
        ("c", ("a", "b"), (), ()),
    ]
    assert Network(members(family), ()).is_whole


def test_who_does_not_list_whom():
    family = told("a", "b", "c", is_here=True), told("b", "c"), told("c")
    assert shape(*family) == [("a", ("b", "c"), (), ()), ("b", ("c",), ("a",), ()), ("c", (), ("a", "b"), ())]
    assert not Network(members(family), ()).is_whole


def test_a_shop_that_tells_nothing_is_unknown_and_not_wrong():
    family = told("a", "b", is_here=True), told("b", knows=False, dialect="woorewards")
    assert shape(*family)[1] == ("b", None, None, ())
    assert Network(members(family), ()).is_whole


def test_whom_others_list_and_this_site_does_not():
    family = told("a", "b", is_here=True), told("b", "a", "z", "b", "y")
    assert shape(*family)[1] == ("b", ("a",), (), ("y", "z"))
    assert not Network(members(family), ()).is_whole


def test_a_sender_that_is_not_listed_is_missing_here():
    alone = members([told("a", is_here=True)])
    assert alone == (Member(told("a", is_here=True), (), (), ()),)
    assert Network(alone, ()).is_whole
    assert not Network(alone, (Sender("z", "z", START, None, 5),)).is_whole
