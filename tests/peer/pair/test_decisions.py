"""A movement that is not the same on both sites: an admin decides which value counts, and both sites agree again."""

from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.digests import digest
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.models import AlteredMovement, AuditEntry, Difference, Movement
from pointsync.schedule import remote_ticks, ticks
from pointsync.sync.remotes import backfill, remotes
from pointsync.sync.repair import decisions, plan
from pointsync.sync.repair.plan import BOTH, HERE, THERE
from tests.peer.conftest import MakeSite
from tests.peer.pair.edited_sites import Pair, differences, edit, status, sync
from tests.peer.peer_site import PeerSite, Wsgi
from tests.peer.signed_caller import ALICE

BOB = "bob@example.test"


def decide(site: PeerSite, remote_id: int, movement_id: str, choice: str) -> list[str]:
    """Decide as the panel and the command do; the ids of the movements recorded for it."""
    made = site.read(lambda session: plan.make_plan(session, remote_id, movement_id, choice))
    with site.app.app_context():
        fetched = decisions.fetch_content(made)
    return site.write(lambda session: decisions.carry_out(session, made, fetched, clock.now()))


def settle(site: PeerSite, remote_id: int) -> None:
    """Send what is due, and compare."""
    site.deliver(remote_id)
    site.check(remote_id)


def values_there(site: PeerSite) -> list[tuple[str | None, int | None]]:
    """What the remotes hold for the stored differences."""
    query = select(Difference.there_customer, Difference.there_points).order_by(Difference.id)
    return site.read(lambda session: [tuple(row) for row in session.execute(query)])


def assert_equal_and_green(a: PeerSite, b: PeerSite, remote_id: int) -> None:
    """Both sites hold the same, no row contradicts its digest, and `a` shows it."""
    assert (differences(a), status(a, remote_id)[0]) == ([], "green"), status(a, remote_id)
    assert a.balances() == b.balances()
    for site in (a, b):
        assert site.read(lambda session: session.scalars(select(AlteredMovement)).all()) == []


@pytest.mark.parametrize(("choice", "total"), [(HERE, 12), (THERE, 1002)])
def test_points_edited_there(pair: Pair, choice: str, total: int) -> None:
    a, b = pair
    remote_id, [edited_id, _] = sync(a, b, 10, 2)
    edit(b, "UPDATE movement SET points = 1000 WHERE id = ?", edited_id)
    a.check(remote_id)
    assert differences(a) == [(edited_id, "altered_there", 10)]
    assert values_there(a) == [(ALICE, 1000)]
    recorded_ids = decide(a, remote_id, edited_id, choice)
    assert differences(a) == []
    assert status(a, remote_id)[0] != "green"
    settle(a, remote_id)
    assert_equal_and_green(a, b, remote_id)
    assert a.balance(ALICE) == b.balance(ALICE) == total
    assert [each.points for each in b.movements() if each.id == edited_id] == [10], "movements never change"
    recorded = [(each.kind, each.points) for each in b.movements() if each.id in recorded_ids]
    assert recorded == ([] if choice == HERE else [("manual", 990)])


@pytest.mark.parametrize(("choice", "total"), [(HERE, 1002), (THERE, 12)])
def test_points_edited_here(pair: Pair, choice: str, total: int) -> None:
    a, b = pair
    remote_id, [edited_id, _] = sync(a, b, 10, 2)
    edit(a, "UPDATE movement SET points = 1000 WHERE id = ?", edited_id)
    edit(a, "UPDATE balance SET points = 1002")
    a.check(remote_id)
    assert differences(a) == [(edited_id, "altered_here", 1000)]
    decide(a, remote_id, edited_id, choice)
    assert [each.points for each in a.movements() if each.id == edited_id] == [10]
    settle(a, remote_id)
    assert_equal_and_green(a, b, remote_id)
    assert a.balance(ALICE) == b.balance(ALICE) == total


@pytest.mark.parametrize(("choice", "total"), [(HERE, 2), (THERE, 12)])
def test_deleted_here(pair: Pair, choice: str, total: int) -> None:
    a, b = pair
    remote_id, [deleted_id, _] = sync(a, b, 10, 2)
    edit(a, "DELETE FROM movement WHERE id = ?", deleted_id)
    a.check(remote_id)
    assert (differences(a), values_there(a)) == ([(deleted_id, "unknown_here", None)], [(ALICE, 10)])
    decide(a, remote_id, deleted_id, choice)
    [returned] = [each for each in a.movements() if each.id == deleted_id]
    assert (returned.points, returned.kind) == (10, "earn")
    settle(a, remote_id)
    assert_equal_and_green(a, b, remote_id)
    assert a.balance(ALICE) == b.balance(ALICE) == total


def test_deleted_here_with_its_delivery(pair: Pair) -> None:
    """As PostgreSQL requires it. Only the scrub sees that the sum of what was delivered is wrong."""
    a, b = pair
    remote_id, [deleted_id, _] = sync(a, b, 10, 2)
    edit(a, "DELETE FROM delivery WHERE movement_seq = (SELECT seq FROM movement WHERE id = ?)", deleted_id)
    edit(a, "DELETE FROM movement WHERE id = ?", deleted_id)
    with a.app.app_context():
        ticks.scrub_movements()
    a.check(remote_id)
    assert differences(a) == [(deleted_id, "unknown_here", None)]
    decide(a, remote_id, deleted_id, THERE)
    settle(a, remote_id)
    assert_equal_and_green(a, b, remote_id)


@pytest.mark.parametrize(
    ("site_name", "choice", "balances"),
    [
        ("there", HERE, {ALICE: 12, BOB: 1}),
        ("there", THERE, {ALICE: 2, BOB: 11}),
        ("here", HERE, {ALICE: 2, BOB: 11}),
        ("here", THERE, {ALICE: 12, BOB: 1}),
    ],
)
def test_another_customer(pair: Pair, site_name: str, choice: str, balances: dict[str, int]) -> None:
    a, b = pair
    remote_id, [edited_id, _] = sync(a, b, 10, 2)
    a.record(BOB, 1)
    settle(a, remote_id)
    bob = f"(SELECT id FROM customer WHERE email = '{BOB}')"
    edit(a if site_name == "here" else b, f"UPDATE movement SET customer_id = {bob} WHERE id = ?", edited_id)
    a.check(remote_id)
    assert len(decide(a, remote_id, edited_id, choice)) == (2 if choice.startswith(site_name) else 0)
    settle(a, remote_id)
    assert_equal_and_green(a, b, remote_id)
    assert a.balances() == balances


def test_an_id_that_was_used_again(pair: Pair) -> None:
    """Both sites hold another movement under one id, and neither was edited: both count."""
    a, b = pair
    remote_id, [first_id] = sync(a, b, 10)
    edit(a, "DELETE FROM movement")
    edit(a, "UPDATE balance SET points = 0")
    second_id = a.record(ALICE, 7)
    reuse_id(a, second_id, first_id)
    a.deliver(remote_id)
    assert a.delivery(first_id).state == "failed"
    a.check(remote_id)
    assert [each[:2] for each in differences(a)] == [(first_id, "same_id")]
    with pytest.raises(InvalidInput, match="both"):
        decide(a, remote_id, first_id, HERE)
    decide(a, remote_id, first_id, BOTH)
    read_edits(a)
    settle(a, remote_id)
    assert_equal_and_green(a, b, remote_id)
    assert a.balance(ALICE) == b.balance(ALICE) == 17


def reuse_id(site: PeerSite, movement_id: str, earlier_id: str) -> None:
    """Give a movement the id of an earlier one, as an earlier version did after a restore."""

    def change(session: Session) -> None:
        movement = session.scalars(select(Movement).where(Movement.id == movement_id)).one()
        movement.id, movement.digest = earlier_id, digest(earlier_id, movement.points, ALICE)

    site.write(change)
    read_edits(site)


def read_edits(site: PeerSite) -> None:
    """The next heartbeat comes."""
    with site.app.app_context():
        ticks.heartbeat()


def test_two_sites_with_the_same_edit(make_site: MakeSite) -> None:
    """The difference in points is recorded once."""
    with make_site("a") as a, make_site("b") as b, make_site("c") as c:
        to_b, [edited_id] = sync(a, b, 10)
        to_c, _ = sync(a, c)
        a.write(lambda session: backfill.start(session, remotes.get(session, to_c), clock.now()))
        with a.app.app_context():
            remote_ticks.enqueue_backfills()
        settle(a, to_c)
        for site in (b, c):
            edit(site, "UPDATE movement SET points = 15 WHERE id = ?", edited_id)
        a.check(to_b)
        a.check(to_c)
        first_ids = decide(a, to_b, edited_id, THERE)
        again = a.read(lambda session: plan.make_plan(session, to_c, edited_id, THERE))
        assert [each.recorded_id for each in again.adjustments] == first_ids
        assert decide(a, to_c, edited_id, THERE) == first_ids
        for remote_id in (to_b, to_c):
            settle(a, remote_id)
        assert_equal_and_green(a, b, to_b)
        assert_equal_and_green(a, c, to_c)
        assert a.balance(ALICE) == 15


def test_what_changed_meanwhile_is_not_decided(pair: Pair) -> None:
    a, b = pair
    remote_id, [edited_id] = sync(a, b, 10)
    edit(b, "UPDATE movement SET points = 1000 WHERE id = ?", edited_id)
    a.check(remote_id)
    made = a.read(lambda session: plan.make_plan(session, remote_id, edited_id, THERE))
    a.write(lambda session: set_points_there(session, 2000))
    with pytest.raises(Conflict, match="changed in the meantime"):
        a.write(lambda session: decisions.carry_out(session, made, None, clock.now()))
    assert a.balance(ALICE) == 10
    edit(b, "UPDATE movement SET points = 10 WHERE id = ?", edited_id)
    a.check(remote_id)
    with pytest.raises(NotFound):
        a.write(lambda session: decisions.carry_out(session, made, None, clock.now()))


def set_points_there(session: Session, points: int) -> None:
    session.scalars(select(Difference)).one().there_points = points


def test_an_unknown_value_there_cannot_count(pair: Pair) -> None:
    """A site of an earlier version, or one that does not answer, does not return the movement."""
    a, b = pair
    remote_id, [edited_id] = sync(a, b, 10)
    b.interceptor = without_fetch
    edit(b, "UPDATE movement SET points = 1000 WHERE id = ?", edited_id)
    a.check(remote_id)
    assert values_there(a) == [(None, None)]
    with pytest.raises(Conflict, match="not known"):
        decide(a, remote_id, edited_id, THERE)
    decide(a, remote_id, edited_id, HERE)
    settle(a, remote_id)
    assert_equal_and_green(a, b, remote_id)


def without_fetch(environ: dict[str, Any], start_response: Any, answer: Wsgi) -> Iterable[bytes]:
    """A site that does not know `movements/fetch`."""
    if environ["PATH_INFO"].endswith("/movements/fetch"):
        start_response("404 NOT FOUND", [("content-type", "text/html")])
        return [b"Not Found"]
    return answer(environ, start_response)


@pytest.mark.parametrize(("site_name", "choice"), [("b", HERE), ("a", THERE)])
def test_edited_with_its_digest(pair: Pair, site_name: str, choice: str) -> None:
    """The row agrees with itself, but the database has noted its digest from before."""
    a, b = pair
    remote_id, [edited_id, _] = sync(a, b, 10, 2)
    forged = digest(edited_id, 1000, ALICE).to_bytes(16)
    edited = {"a": a, "b": b}[site_name]
    edit(edited, "UPDATE movement SET points = 1000, digest = ? WHERE id = ?", forged, edited_id)
    a.check(remote_id)
    assert [each[:2] for each in differences(a)] == [
        (edited_id, "altered_there" if site_name == "b" else "altered_here")
    ]
    decide(a, remote_id, edited_id, choice)
    settle(a, remote_id)
    assert_equal_and_green(a, b, remote_id)
    assert a.balance(ALICE) == b.balance(ALICE) == 12


def test_edited_on_both_sites(pair: Pair) -> None:
    a, b = pair
    remote_id, [edited_id] = sync(a, b, 10)
    edit(a, "UPDATE movement SET points = 11 WHERE id = ?", edited_id)
    edit(b, "UPDATE movement SET points = 12 WHERE id = ?", edited_id)
    a.check(remote_id)
    assert differences(a) == [(edited_id, "altered_here", 11)]
    for choice in (HERE, THERE):
        with pytest.raises(Conflict, match="edited on both sites"):
            decide(a, remote_id, edited_id, choice)
    for site in pair:
        edit(site, "UPDATE movement SET points = 10 WHERE id = ?", edited_id)
    a.check(remote_id)
    assert_equal_and_green(a, b, remote_id)


def test_a_decision_is_logged(pair: Pair) -> None:
    a, b = pair
    remote_id, [edited_id] = sync(a, b, 10)
    edit(b, "UPDATE movement SET points = 1000 WHERE id = ?", edited_id)
    a.check(remote_id)
    [recorded_id] = decide(a, remote_id, edited_id, THERE)
    entry = a.read(lambda session: session.scalars(select(AuditEntry).where(AuditEntry.noun == "movement")).one())
    assert (entry.action, entry.thing_id, entry.thing) == ("decided about", edited_id, ALICE)
    assert (entry.before, entry.after) == (
        {"difference": "altered_there", "site": "b"},
        {"counts": "there", "recorded": recorded_id},
    )
    settle(a, remote_id)
