"""What sites tell of their rewards and levels, and what they differ in: by line, with each name that is known."""

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.ledger.rewards import levels, rewards
from pointsync.models import Customer, Level, Remote, Reward
from pointsync.schedule import ticks
from pointsync.sync.site import catalogue as told
from pointsync.sync.site.catalogue import LEVEL, REWARD, Change, Offer
from tests.support.apps import reserve
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import OTHER_AUTH, added, line, sold

pytestmark = pytest.mark.usefixtures("app", "gold")

MUG, TEA, SILVER = Offer(REWARD, "Mug", 50), Offer(REWARD, "Tea", 5), Offer(LEVEL, "Silver", 1000)


def offered(*found: Offer, key: str = "default") -> None:
    """Let this site have these."""
    with db.write() as session:
        for each in found:
            ledger = rewards if each.what == REWARD else levels
            ledger.add(session, reserve(session, key), each.title, "", each.points, NOW)


def lists(*found: Offer) -> dict:
    """What a site that has these tells of them."""
    return {
        "rewards_digest": told.digest(found),
        "rewards": [{"title": each.title, "cost": each.points} for each in found if each.what == REWARD],
        "levels": [{"title": each.title, "points": each.points} for each in found if each.what == LEVEL],
    }


def answered(remote_id: int, body: dict) -> None:
    """A line whose ping was answered so."""
    with db.write() as session:
        line(session, remote_id).facts = {"lists": []} | told.heard(body)


def differences() -> list[tuple]:
    """Of each line that differs: its id, what is only here, only there, and what has changed."""
    with db.write() as session:
        lines = [line(session, number) for number in (1, 2) if session.get(Remote, number)]
        found = told.differences(session, lines)
        return [(each.remote.id, each.only_here, each.only_there, each.changed) for each in found]


def tell(key: str = "default") -> dict:
    """What this site tells."""
    with db.write() as session:
        return told.tell(session, reserve(session, key))


def test_only_what_is_active_is_told():
    nothing = tell()
    assert nothing == lists()
    offered(TEA, MUG, SILVER)
    assert tell() == lists(MUG, TEA, SILVER)
    assert tell("gold") == nothing
    with db.write() as session:
        session.get_one(Reward, 1).is_active = session.get_one(Level, 1).is_active = False
    assert tell() == lists(MUG)


def test_the_same_is_no_difference():
    offered(MUG, SILVER)
    answered(added(), lists(SILVER, MUG))
    assert differences() == []


def test_a_site_that_has_told_nothing_is_passed_over():
    offered(MUG)
    added()
    answered(added(OTHER_AUTH, url="https://two.example"), {"rewards_digest": ""})
    assert differences() == []


def test_what_differs_is_named():
    offered(MUG, TEA, SILVER)
    there = Offer(REWARD, "Mug", 60), Offer(LEVEL, "Silver", 1000), Offer(LEVEL, "Gold", 5000)
    answered(added(), lists(*there))
    assert differences() == [(1, (TEA,), (Offer(LEVEL, "Gold", 5000),), (Change(MUG, 60),))]


def test_each_line_is_compared_with_the_reserve_that_it_observes():
    offered(MUG)
    offered(TEA, key="gold")
    answered(added(), lists(MUG))
    answered(added(target="gold", observed="gold"), lists(MUG))
    assert differences() == [(2, (TEA,), (MUG,), ())]


def test_a_site_that_tells_its_digest_alone():
    offered(MUG)
    answered(added(), {"rewards_digest": told.digest([])})
    assert differences() == [(1, (), (), ())]


def test_what_may_stand_behind_the_end_of_a_list_is_not_named():
    many = [Offer(REWARD, f"Mug {number:02}", 50) for number in range(60)]
    offered(*many[:-1], Offer(REWARD, "A cup", 5))
    answered(added(), lists(*many))
    assert differences() == [(1, (Offer(REWARD, "A cup", 5),), (), ())]


def test_the_job_finds_who_was_above_a_level_before(app):
    sold(500)
    offered(SILVER, Offer(LEVEL, "Bronze", 100))
    ticks.unlock_levels()
    ticks.unlock_levels()
    with db.write() as session:
        anna = session.scalars(select(Customer)).one()
        assert [(each.title, unlock.is_quiet) for unlock, each, _ in levels.reached(session, anna)] == [
            ("Bronze", True)
        ]
        assert levels.unfinished(session) == []
