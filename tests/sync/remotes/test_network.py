"""The family of sites as seen from this one: from pings, calls and received movements."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.ledger.apply import IncomingMovement, apply, lock_origin
from pointsync.models import Origin, Remote, Site
from pointsync.sync.remotes import network
from pointsync.sync.remotes.network import UnlistedSender
from tests.support.apps import get_reserve
from tests.support.bulk_rows import insert_rows
from tests.support.moving_clock import START as NOW
from tests.support.queries import queries_of
from tests.support.remote_rows import ANNA, AUTH, OTHER_AUTH, add_remote, get_remote
from tests.sync.remote_edits import remove_remote

pytestmark = pytest.mark.usefixtures("app", "gold")

THIRD_AUTH = "wrk_00112233445566aa"
FACTS = {
    "version": "0.9",
    "protocols": [1],
    "reserves": [{"key": "default", "name": "Points"}],
    "sends_mails": True,
    "rewards_digest": "",
    "lists": [],
    "max_batch": 1000,
}


def save_ping(remote_id: int, lists: list[str], name: str = "Mug shop", at=NOW, offset: float = 0.0) -> None:
    """Save the result of a good ping."""
    with db.transaction() as session:
        remote = get_remote(session, remote_id)
        remote.dialect, remote.name, remote.checked_at = "pointsync", name, at
        remote.facts, remote.clock_offset_seconds = FACTS | {"lists": lists}, offset


def add_caller(auth: str, at=NOW) -> None:
    """Save that a site called here."""
    with db.transaction() as session:
        lock_origin(session, auth, at).last_seen_at = at


def add_sender(auth: str, *points: int, key: str = "default") -> None:
    """Apply movements of a site."""
    with db.transaction() as session:
        incoming = [
            IncomingMovement(f"{get_reserve(session, key).id}{number}", ANNA, each)
            for number, each in enumerate(points)
        ]
        apply(session, auth, get_reserve(session, key), incoming, NOW)


def read_network(config) -> network.Network:
    """The family as it is now."""
    with db.transaction() as session:
        return network.read(session, config, NOW)


def own_auth() -> str:
    """This site's Auth."""
    with db.transaction() as session:
        return session.get_one(Site, 1).auth


def test_a_site_without_remotes(site_config):
    family = read_network(site_config)
    assert [(each.report.auth, each.report.name, each.report.is_local, each.lists) for each in family.members] == [
        (own_auth(), "Lyon", True, ())
    ]
    assert (family.senders, family.is_complete) == ((), True)


def test_each_site_is_shown_with_what_it_reported(site_config):
    mugs, woo = add_remote(), add_remote(OTHER_AUTH, url="https://woo.example")
    add_remote(THIRD_AUTH, url="https://new.example")
    save_ping(mugs, [own_auth(), OTHER_AUTH], offset=240.0)
    with db.transaction() as session:
        remote = get_remote(session, woo)
        remote.dialect, remote.checked_at = "woorewards", NOW
        remote.facts = {"reserves": [{"key": "default", "name": "Loyalty"}]}
    add_caller(OTHER_AUTH, NOW - timedelta(hours=1))
    _, first, second, third = read_network(site_config).members
    assert (first.report.name, first.report.dialect, first.report.version) == ("Mug shop", "pointsync", "0.9")
    assert (first.report.sends_mails, first.report.reserves) == (True, (("default", "Points"),))
    assert (first.report.clock_offset_seconds, first.report.checked_at, first.report.last_seen_at) == (240.0, NOW, None)
    assert (first.lists, first.missing) == ((own_auth(), OTHER_AUTH), (THIRD_AUTH,))
    assert (second.report.name, second.report.dialect, second.report.version) == (
        "https://woo.example",
        "woorewards",
        None,
    )
    assert (second.lists, second.missing, second.report.sends_mails) == (None, None, None)
    assert second.report.last_seen_at == NOW - timedelta(hours=1)
    assert (third.report.dialect, third.lists, third.report.checked_at, third.report.reserves) == (None, None, None, ())


def test_of_several_remotes_for_a_site_the_newest_check_counts(site_config):
    first, second = add_remote(), add_remote(target_reserve="gold", observed_reserve="gold")
    save_ping(first, [own_auth()], at=NOW)
    save_ping(second, [], at=NOW - timedelta(hours=1))
    assert [each.missing for each in read_network(site_config).members] == [(), ()]
    save_ping(second, [], at=NOW + timedelta(hours=1))
    assert [each.missing for each in read_network(site_config).members] == [(), (own_auth(),)]


def test_closing_and_deleted_remotes_do_not_count_as_listed(site_config):
    gone, closing = add_remote(), add_remote(OTHER_AUTH)
    remove_remote(gone)
    with db.transaction() as session:
        get_remote(session, closing).closing_at = NOW
    assert [each.report.auth for each in read_network(site_config).members] == [own_auth()]


def test_senders_that_are_not_listed(site_config):
    deleted_id = add_remote(THIRD_AUTH)
    remove_remote(deleted_id)
    add_sender(THIRD_AUTH, 1, 2)
    add_sender(THIRD_AUTH, 3, key="gold")
    add_caller("wrk_calledlately0000", NOW - timedelta(days=31))
    add_caller("wrk_calledlongago000", NOW - timedelta(days=31, seconds=1))
    add_remote()
    add_sender(AUTH, 5)
    with db.transaction() as session:
        lock_origin(session, "wrk_neverheardof0000", NOW)
    family = read_network(site_config)
    assert family.senders == (
        UnlistedSender(
            "wrk_calledlately0000",
            "wrk_calledlately0000",
            NOW - timedelta(days=31),
            NOW - timedelta(days=31),
            0,
        ),
        UnlistedSender(THIRD_AUTH, "https://other.example", NOW, None, 3),
    )
    assert not family.is_complete


def test_the_list_of_senders_is_bounded_and_sorted_by_last_call(site_config):
    with db.transaction() as session:
        session.add_all(
            Origin(auth=f"wrk_{number:016x}", first_seen_at=NOW, last_seen_at=NOW - timedelta(minutes=number))
            for number in range(network.MAX_SENDERS + 5)
        )
    senders = read_network(site_config).senders
    assert [each.auth for each in senders] == [f"wrk_{number:016x}" for number in range(network.MAX_SENDERS)]


def test_the_number_of_queries_does_not_depend_on_the_number_of_remotes(site_config):
    query_counts = []
    for remote_count in (1, 20):
        with db.transaction() as session:
            insert_rows(session, customers=5, movements=200, remotes=remote_count)
            assert session.scalars(select(Remote.id)).all()
        query_counts.append(len(queries_of(lambda session: network.read(session, site_config, NOW))))
    assert query_counts == [14, 14]
