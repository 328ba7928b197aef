"""The same points are spent on two sites at once: whoever corrects it and when, all sites end with the same balance."""

import pytest

from pointsync import clock
from pointsync.ledger.below_zero import overdrawn
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE

OverdrawnPair = tuple[PeerSite, PeerSite, int, int]
"""Two sites, and their remotes for each other."""


@pytest.fixture
def overdrawn_pair(pair: tuple[PeerSite, PeerSite]) -> OverdrawnPair:
    """Two sites on which Alice has −1,000."""
    a, b = pair
    a_remote, _ = a.list_site(b)
    b_remote, _ = b.list_site(a)
    a.record(ALICE, 1000)
    a.deliver(a_remote)
    a.record(ALICE, -1000, kind="spend")
    b.record(ALICE, -1000, kind="spend")
    a.deliver(a_remote)
    b.deliver(b_remote)
    assert (a.balance(ALICE), b.balance(ALICE)) == (-1000, -1000)
    return a, b, a_remote, b_remote


def list_correctable(site: PeerSite) -> list[int]:
    """The `seq` of each movement that the site lists with *Correct*, newest first."""
    rows = site.read(lambda session: overdrawn.list_page(session, clock.now())).rows
    return [row.movement.seq for row in rows if row.is_correctable]


def correct(site: PeerSite) -> int:
    """Correct the newest one; returns the movement's id."""
    seq = list_correctable(site)[0]
    return int(site.write(lambda session: overdrawn.correct(session, seq, clock.now())).id)


def exchange(a: PeerSite, b: PeerSite, a_remote: int, b_remote: int) -> None:
    """Send everything in both directions, also what arrives because of it."""
    for _ in range(2):
        a.deliver(a_remote)
        b.deliver(b_remote)


def check_equal(a: PeerSite, b: PeerSite, a_remote: int, b_remote: int) -> None:
    """Both sites are compared and equal."""
    assert a.balances() == b.balances()
    assert a.undelivered_ids() == b.undelivered_ids() == []
    for site, remote_id in ((a, a_remote), (b, b_remote)):
        site.check(remote_id)
        assert site.remote_json(remote_id)["status"] == "green"


def test_one_correction_is_enough(overdrawn_pair: OverdrawnPair) -> None:
    a, b, *_ = overdrawn_pair
    correct(a)
    exchange(*overdrawn_pair)
    assert (a.balance(ALICE), b.balance(ALICE)) == (0, 0)
    assert list_correctable(b) == []
    check_equal(*overdrawn_pair)


@pytest.mark.parametrize("is_a_first", [True, False])
def test_of_two_corrections_one_is_taken_back(overdrawn_pair: OverdrawnPair, is_a_first: bool) -> None:
    a, b, *_ = overdrawn_pair
    ids = {site.identity.auth: correct(site) for site in ((a, b) if is_a_first else (b, a))}
    exchange(*overdrawn_pair)
    assert (a.balance(ALICE), b.balance(ALICE)) == (0, 0)
    manual = [each for each in a.movements() if each.kind == "manual"]
    assert sorted(each.points for each in manual) == [-1000, 1000, 1000]
    [taken_back_by] = [each.origin for each in manual if each.points < 0]
    assert ids[taken_back_by] == max(ids.values())
    check_equal(*overdrawn_pair)


def test_points_earned_meanwhile_count_as_if_one_site_had_seen_the_other(overdrawn_pair: OverdrawnPair) -> None:
    a, b, *_ = overdrawn_pair
    of_1000 = correct(a)
    b.record(ALICE, 200)
    of_800 = correct(b)
    exchange(*overdrawn_pair)
    expected = 200 if of_1000 < of_800 else 0
    assert (a.balance(ALICE), b.balance(ALICE)) == (expected, expected)
    check_equal(*overdrawn_pair)


def test_a_second_balance_below_zero_is_corrected_again(overdrawn_pair: OverdrawnPair) -> None:
    a, b, *_ = overdrawn_pair
    correct(a)
    correct(b)
    exchange(*overdrawn_pair)
    a.record(ALICE, 500)
    exchange(*overdrawn_pair)
    a.record(ALICE, -500, kind="spend")
    b.record(ALICE, -500, kind="spend")
    exchange(*overdrawn_pair)
    assert (a.balance(ALICE), b.balance(ALICE)) == (-500, -500)
    correct(b)
    correct(a)
    exchange(*overdrawn_pair)
    assert (a.balance(ALICE), b.balance(ALICE)) == (0, 0)
    check_equal(*overdrawn_pair)
