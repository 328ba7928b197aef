"""The family, read from what pings have found, from who has called, and from what is held."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.ledger.apply import Incoming, apply, lock_origin
from pointsync.models import Origin, Remote, Site
from pointsync.sync.remotes import network
from pointsync.sync.remotes.network import Sender
from tests.support.apps import reserve
from tests.support.bulk_rows import fill
from tests.support.moving_clock import START as NOW
from tests.support.queries import asked
from tests.support.remote_rows import ANNA, AUTH, OTHER_AUTH, added, line
from tests.sync.remote_edits import removed

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


def pinged(remote_id: int, lists: list[str], name: str = "Mug shop", at=NOW, offset: float = 0.0) -> None:
    """A line as a good ping has left it."""
    with db.write() as session:
        remote = line(session, remote_id)
        remote.dialect, remote.name, remote.checked_at = "pointsync", name, at
        remote.facts, remote.clock_offset_seconds = FACTS | {"lists": lists}, offset


def called(auth: str, at=NOW) -> None:
    """A site has called here."""
    with db.write() as session:
        lock_origin(session, auth, at).last_seen_at = at


def sent(auth: str, *points: int, key: str = "default") -> None:
    """A site's movements have come."""
    with db.write() as session:
        incoming = [Incoming(f"{reserve(session, key).id}{number}", ANNA, each) for number, each in enumerate(points)]
        apply(session, auth, reserve(session, key), incoming, NOW)


def read(here) -> network.Network:
    """The family now."""
    with db.write() as session:
        return network.read(session, here, NOW)


def own() -> str:
    """This site's Auth."""
    with db.write() as session:
        return session.get_one(Site, 1).auth


def test_a_site_alone(here):
    found = read(here)
    assert [(each.told.auth, each.told.name, each.told.is_here, each.lists) for each in found.members] == [
        (own(), "Lyon", True, ())
    ]
    assert (found.senders, found.is_whole) == ((), True)


def test_each_site_with_what_it_told(here):
    mugs, woo = added(), added(OTHER_AUTH, url="https://woo.example")
    added(THIRD_AUTH, url="https://new.example")
    pinged(mugs, [own(), OTHER_AUTH], offset=240.0)
    with db.write() as session:
        remote = line(session, woo)
        remote.dialect, remote.checked_at = "woorewards", NOW
        remote.facts = {"reserves": [{"key": "default", "name": "Loyalty"}]}
    called(OTHER_AUTH, NOW - timedelta(hours=1))
    _, first, second, third = read(here).members
    assert (first.told.name, first.told.dialect, first.told.version) == ("Mug shop", "pointsync", "0.9")
    assert (first.told.sends_mails, first.told.reserves) == (True, (("default", "Points"),))
    assert (first.told.clock_offset_seconds, first.told.checked_at, first.told.last_seen_at) == (240.0, NOW, None)
    assert (first.lists, first.missing) == ((own(), OTHER_AUTH), (THIRD_AUTH,))
    assert (second.told.name, second.told.dialect, second.told.version) == ("https://woo.example", "woorewards", None)
    assert (second.lists, second.missing, second.told.sends_mails) == (None, None, None)
    assert second.told.last_seen_at == NOW - timedelta(hours=1)
    assert (third.told.dialect, third.lists, third.told.checked_at, third.told.reserves) == (None, None, None, ())


def test_of_several_lines_for_a_site_the_newest_check_tells(here):
    first, second = added(), added(target="gold", observed="gold")
    pinged(first, [own()], at=NOW)
    pinged(second, [], at=NOW - timedelta(hours=1))
    assert [each.missing for each in read(here).members] == [(), ()]
    pinged(second, [], at=NOW + timedelta(hours=1))
    assert [each.missing for each in read(here).members] == [(), (own(),)]


def test_lines_that_are_closing_or_deleted_do_not_list(here):
    gone, closing = added(), added(OTHER_AUTH)
    removed(gone)
    with db.write() as session:
        line(session, closing).closing_at = NOW
    assert [each.told.auth for each in read(here).members] == [own()]


def test_who_sends_without_being_listed(here):
    line_of_a_friend = added(THIRD_AUTH)
    removed(line_of_a_friend)
    sent(THIRD_AUTH, 1, 2)
    sent(THIRD_AUTH, 3, key="gold")
    called("wrk_calledlately0000", NOW - timedelta(days=31))
    called("wrk_calledlongago000", NOW - timedelta(days=31, seconds=1))
    added()
    sent(AUTH, 5)
    with db.write() as session:
        lock_origin(session, "wrk_neverheardof0000", NOW)
    found = read(here)
    assert found.senders == (
        Sender(
            "wrk_calledlately0000",
            "wrk_calledlately0000",
            NOW - timedelta(days=31),
            NOW - timedelta(days=31),
            0,
        ),
        Sender(THIRD_AUTH, "https://other.example", NOW, None, 3),
    )
    assert not found.is_whole


def test_senders_are_bounded_and_the_last_callers_come_first(here):
    with db.write() as session:
        session.add_all(
            Origin(auth=f"wrk_{number:016x}", first_seen_at=NOW, last_seen_at=NOW - timedelta(minutes=number))
            for number in range(network.MOST + 5)
        )
    senders = read(here).senders
    assert [each.auth for each in senders] == [f"wrk_{number:016x}" for number in range(network.MOST)]


def test_as_many_queries_however_large_the_family(here):
    numbers = []
    for remotes in (1, 20):
        with db.write() as session:
            fill(session, customers=5, movements=200, remotes=remotes)
            assert session.scalars(select(Remote.id)).all()
        numbers.append(len(asked(lambda session: network.read(session, here, NOW))))
    assert numbers == [14, 14]
