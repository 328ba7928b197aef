"""Which site lists which, as the sites report it: every site should list every other one."""

from pointsync.sync.remotes.network import Member, Network, PingReport, UnlistedSender, build_members
from tests.support.moving_clock import START


def ping_report(auth: str, *lists: str, is_known: bool = True, **fields) -> PingReport:
    """A site that lists these sites."""
    return PingReport(auth, auth.upper(), lists=frozenset(lists) if is_known else None, **fields)


def summarise(*reports: PingReport) -> list[tuple]:
    """For each member: the sites it lists, the sites it misses, and the sites not listed here."""
    return [(each.report.auth, each.lists, each.missing, each.unlisted_here) for each in build_members(reports)]


def test_a_full_mesh_is_complete():
    family = ping_report("a", "b", "c", is_local=True), ping_report("b", "a", "c"), ping_report("c", "a", "b")
    assert summarise(*family) == [
        ("a", ("b", "c"), (), ()),
        ("b", ("a", "c"), (), ()),
        ("c", ("a", "b"), (), ()),
    ]
    assert Network(build_members(family), ()).is_complete


def test_missing_sites_are_found():
    family = ping_report("a", "b", "c", is_local=True), ping_report("b", "c"), ping_report("c")
    assert summarise(*family) == [("a", ("b", "c"), (), ()), ("b", ("c",), ("a",), ()), ("c", (), ("a", "b"), ())]
    assert not Network(build_members(family), ()).is_complete


def test_a_shop_that_reports_no_list_is_unknown_and_not_incomplete():
    family = ping_report("a", "b", is_local=True), ping_report("b", is_known=False, dialect="woorewards")
    assert summarise(*family)[1] == ("b", None, None, ())
    assert Network(build_members(family), ()).is_complete


def test_sites_that_only_others_list():
    family = ping_report("a", "b", is_local=True), ping_report("b", "a", "z", "b", "y")
    assert summarise(*family)[1] == ("b", ("a",), (), ("y", "z"))
    assert not Network(build_members(family), ()).is_complete


def test_an_unlisted_sender_makes_the_network_incomplete():
    alone = build_members([ping_report("a", is_local=True)])
    assert alone == (Member(ping_report("a", is_local=True), (), (), ()),)
    assert Network(alone, ()).is_complete
    assert not Network(alone, (UnlistedSender("z", "z", START, None, 5),)).is_complete
