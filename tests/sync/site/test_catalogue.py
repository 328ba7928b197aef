"""What sites report of their rewards and levels, and how two sites' lists differ."""

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.ledger.rewards import levels, rewards
from pointsync.models import Customer, Level, Remote, Reward
from pointsync.schedule import ticks
from pointsync.sync.site import catalogue
from pointsync.sync.site.catalogue import LEVEL, REWARD, CatalogueItem, PointsChange
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import OTHER_AUTH, add_remote, get_remote, record_points

pytestmark = pytest.mark.usefixtures("app", "gold")

MUG, TEA, SILVER = (
    CatalogueItem(REWARD, "Mug", 50),
    CatalogueItem(REWARD, "Tea", 5),
    CatalogueItem(LEVEL, "Silver", 1000),
)


def add_rewards(*items: CatalogueItem, key: str = "default") -> None:
    """Create these rewards and levels here."""
    with db.transaction() as session:
        for each in items:
            module = rewards if each.kind == REWARD else levels
            module.create(session, get_reserve(session, key), each.title, "", each.points, NOW)


def ping_fields(*items: CatalogueItem) -> dict:
    """What a site with these items reports."""
    return {
        "rewards_digest": catalogue.compute_digest(items),
        "rewards": [{"title": each.title, "cost": each.points} for each in items if each.kind == REWARD],
        "levels": [{"title": each.title, "points": each.points} for each in items if each.kind == LEVEL],
    }


def save_ping_answer(remote_id: int, body: dict) -> None:
    """Save this answer of a ping."""
    with db.transaction() as session:
        get_remote(session, remote_id).facts = {"lists": []} | catalogue.parse_ping_fields(body)


def list_differences() -> list[tuple]:
    """For each remote that differs: its id, what exists only here, only there, and what changed."""
    with db.transaction() as session:
        remotes = [get_remote(session, number) for number in (1, 2) if session.get(Remote, number)]
        differences = catalogue.find_differences(session, remotes)
        return [(each.remote.id, each.only_local, each.only_remote, each.changed) for each in differences]


def own_catalogue(key: str = "default") -> dict:
    """What this site reports."""
    with db.transaction() as session:
        return catalogue.build_ping_fields(session, get_reserve(session, key))


def test_only_active_items_are_reported():
    empty = own_catalogue()
    assert empty == ping_fields()
    add_rewards(TEA, MUG, SILVER)
    assert own_catalogue() == ping_fields(MUG, TEA, SILVER)
    assert own_catalogue("gold") == empty
    with db.transaction() as session:
        session.get_one(Reward, 1).is_active = session.get_one(Level, 1).is_active = False
    assert own_catalogue() == ping_fields(MUG)


def test_equal_lists_do_not_differ():
    add_rewards(MUG, SILVER)
    save_ping_answer(add_remote(), ping_fields(SILVER, MUG))
    assert list_differences() == []


def test_a_site_that_reported_nothing_is_skipped():
    add_rewards(MUG)
    add_remote()
    save_ping_answer(add_remote(OTHER_AUTH, url="https://two.example"), {"rewards_digest": ""})
    assert list_differences() == []


def test_differences_are_listed_by_title():
    add_rewards(MUG, TEA, SILVER)
    remote_items = (
        CatalogueItem(REWARD, "Mug", 60),
        CatalogueItem(LEVEL, "Silver", 1000),
        CatalogueItem(LEVEL, "Gold", 5000),
    )
    save_ping_answer(add_remote(), ping_fields(*remote_items))
    assert list_differences() == [(1, (TEA,), (CatalogueItem(LEVEL, "Gold", 5000),), (PointsChange(MUG, 60),))]


def test_each_remote_is_compared_with_its_observed_reserve():
    add_rewards(MUG)
    add_rewards(TEA, key="gold")
    save_ping_answer(add_remote(), ping_fields(MUG))
    save_ping_answer(add_remote(target_reserve="gold", observed_reserve="gold"), ping_fields(MUG))
    assert list_differences() == [(2, (TEA,), (MUG,), ())]


def test_a_site_that_reports_only_its_digest():
    add_rewards(MUG)
    save_ping_answer(add_remote(), {"rewards_digest": catalogue.compute_digest([])})
    assert list_differences() == [(1, (), (), ())]


def test_items_beyond_the_end_of_a_cut_list_are_not_compared():
    items = [CatalogueItem(REWARD, f"Mug {number:02}", 50) for number in range(60)]
    add_rewards(*items[:-1], CatalogueItem(REWARD, "A cup", 5))
    save_ping_answer(add_remote(), ping_fields(*items))
    assert list_differences() == [(1, (CatalogueItem(REWARD, "A cup", 5),), (), ())]


def test_the_job_unlocks_a_new_level_for_customers_already_above_it(app):
    record_points(500)
    add_rewards(SILVER, CatalogueItem(LEVEL, "Bronze", 100))
    ticks.unlock_levels()
    ticks.unlock_levels()
    with db.transaction() as session:
        anna = session.scalars(select(Customer)).one()
        assert [(each.title, unlock.is_quiet) for unlock, each, _ in levels.list_reached(session, anna)] == [
            ("Bronze", True)
        ]
        assert levels.list_unfinished(session) == []
