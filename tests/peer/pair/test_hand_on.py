"""A site is gone for good: another one hands its movements on to a third one that lacks some, if that one agrees."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from pointsync import clock
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger.people import people
from pointsync.models import HandOn, Movement, Origin
from pointsync.schedule import recovery_ticks
from pointsync.sync.hand_on import jobs, permissions
from tests.peer.conftest import MakeSite
from tests.peer.interceptors import answer_with
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, SignedCaller, make_movement
from tests.support.moving_clock import MovingClock

MINUTE = timedelta(minutes=1)


class Family:
    """`gone` has sent something to `sender` that `receiver` never got."""

    def __init__(self, gone: PeerSite, sender: PeerSite, receiver: PeerSite) -> None:
        self.gone, self.sender, self.receiver = gone, sender, receiver
        self.origin = gone.identity.auth
        self.to_sender, _ = gone.list_site(sender)
        self.to_receiver, _ = gone.list_site(receiver)
        self.remote_id, _ = sender.list_site(receiver)
        assert receiver.list_site(sender)[1].is_ok
        self.both = gone.record(ALICE, 10, ref="order-1")
        gone.deliver(self.to_sender)
        gone.deliver(self.to_receiver)
        self.only = [gone.record(ALICE, points, kind="earn") for points in (5, 7)]
        gone.deliver(self.to_sender)

    def allow(self) -> None:
        sender = self.sender.identity.auth
        self.receiver.write(lambda session: permissions.allow(session, self.origin, sender, "ada", clock.now()))

    def start(self) -> None:
        self.sender.write(lambda session: jobs.start(session, self.origin, clock.now()))

    def run(self) -> HandOn:
        with self.sender.app.app_context():
            recovery_ticks.hand_on()
        return self.job

    @property
    def job(self) -> HandOn:
        return self.sender.read(lambda session: session.get_one(HandOn, (self.origin, self.remote_id)))

    def ids_there(self) -> list[str]:
        return [each.id for each in self.receiver.movements(self.origin)]


@pytest.fixture
def family(make_site: MakeSite) -> Iterator[Family]:
    with make_site("gone") as gone, make_site("sender") as sender, make_site("receiver") as receiver:
        yield Family(gone, sender, receiver)


def test_what_is_missing_arrives_once(family: Family) -> None:
    family.allow()
    family.start()
    job = family.run()
    assert (job.state, job.sent, job.total, job.applied, job.refused) == ("finished", 3, 3, 2, 0)
    assert family.ids_there() == [family.both, *family.only]
    assert family.receiver.balances() == family.sender.balances() == {ALICE: 22}
    kept = {each.id: each for each in family.sender.movements(family.origin)}
    for each in family.receiver.movements(family.origin):
        assert (each.at, each.kind, each.ref, each.digest) == (
            kept[each.id].at,
            kept[each.id].kind,
            kept[each.id].ref,
            kept[each.id].digest,
        )
    assert family.receiver.movements(family.origin)[0].ref_source == "test"
    family.start()
    assert (family.run().applied, len(family.ids_there())) == (0, 3)
    # The site comes back after all: it knows these movements under the same ids.
    family.gone.deliver(family.to_receiver)
    assert len(family.ids_there()) == 3
    assert set(family.gone.delivery_states(family.to_receiver)) == {"delivered"}


def test_nothing_without_the_permission_of_the_receiving_admin(family: Family, moving_clock: MovingClock) -> None:
    family.start()
    job = family.run()
    assert (job.state, job.sent) == ("running", 0)
    assert job.message == (
        f"{family.receiver.url} does not allow this site to hand on another site's movements. Ask its admin to allow "
        "it there."
    )
    assert family.ids_there() == [family.both]
    family.allow()
    assert family.run().sent == 0, "it tries again after a minute"
    moving_clock.advance(MINUTE)
    assert family.run().state == "finished"
    assert len(family.ids_there()) == 3


def test_a_permission_is_for_one_origin_and_one_sender(family: Family, moving_clock: MovingClock) -> None:
    other = "wrk_00000000000000ee"
    sender = family.sender.identity.auth
    for origin, allowed in ((other, sender), (family.origin, other)):
        family.receiver.write(
            lambda session, origin=origin, allowed=allowed: permissions.allow(
                session, origin, allowed, "ada", clock.now()
            )
        )
    family.start()
    assert family.run().sent == 0
    family.allow()
    family.receiver.write(lambda session: permissions.withdraw(session, family.origin, sender))
    moving_clock.advance(MINUTE)
    assert family.run().sent == 0
    assert family.ids_there() == [family.both]


def test_an_altered_movement_is_refused(family: Family) -> None:
    family.allow()
    family.sender.write(
        lambda session: session.execute(
            update(Movement).where(Movement.id == family.only[0]).values(points=500), execution_options={}
        )
    )
    family.start()
    job = family.run()
    assert (job.state, job.applied, job.refused) == ("finished", 1, 1)
    assert family.only[0] not in family.ids_there()
    family.sender.write(
        lambda session: session.execute(update(Movement).where(Movement.id == family.only[0]).values(points=5))
    )


def test_it_continues_where_it_stopped(family: Family, moving_clock: MovingClock) -> None:
    family.allow()
    family.start()
    family.receiver.interceptor = answer_with(500)
    assert "internal error" in (family.run().message or "")
    family.receiver.interceptor = None
    moving_clock.advance(MINUTE)
    family.sender.write(lambda session: jobs.stop(session, family.origin, clock.now()))
    assert family.run().state == "stopped"
    family.start()
    assert family.run().state == "finished"
    assert len(family.ids_there()) == 3


def test_a_site_that_is_too_old(family: Family) -> None:
    family.start()
    family.receiver.interceptor = answer_with(404, "not_found")
    assert family.run().message == "Its PointSync is too old to receive another site's movements. Upgrade it there."


def test_who_can_be_handed_on(family: Family) -> None:
    def start(site: PeerSite, auth: str) -> Any:
        return site.write(lambda session: jobs.start(session, auth, clock.now()))

    with pytest.raises(InvalidInput, match="wrk_"):
        start(family.sender, "somebody")
    with pytest.raises(Conflict, match="this site"):
        start(family.sender, family.sender.identity.auth)
    with pytest.raises(NotFound, match="No movements"):
        start(family.sender, "wrk_00000000000000ee")
    with pytest.raises(NotFound):
        family.sender.write(lambda session: jobs.stop(session, family.origin, clock.now()))
    assert [job.remote_id for job in start(family.sender, f" {family.origin.upper()} ")] == [family.remote_id]


class TestServer:
    """What a stranger, a member without permission, and a member with permission may do."""

    ORIGIN = "wrk_00000000000000ee"

    def send(self, caller: SignedCaller, *movements: dict[str, Any], **fields: Any) -> tuple[int, Any]:
        body = caller.body(origin=self.ORIGIN, movements=list(movements) or [make_movement(1)]) | fields
        answer = caller.post("movements/hand-on", body)
        assert answer.json is not None
        error = answer.json.get("error")
        return answer.status_code, error["code"] if error else [each["status"] for each in answer.json["results"]]

    def allow(self, site: PeerSite, caller: SignedCaller, *, is_pinned: bool = True) -> None:
        assert caller.ping().status_code == 200

        def change(session: Any) -> None:
            permissions.allow(session, self.ORIGIN, caller.auth, "ada", clock.now())
            if is_pinned:
                origin = session.get_one(Origin, caller.auth)
                origin.public_key, origin.is_key_proven = caller.public_key, True

        site.write(change)

    def test_only_with_a_pinned_key(self, site: PeerSite, caller: SignedCaller) -> None:
        self.allow(site, caller, is_pinned=False)
        assert self.send(caller) == (403, "key_not_pinned")

    def test_what_is_refused(self, site: PeerSite, caller: SignedCaller) -> None:
        self.allow(site, caller)
        assert self.send(caller, origin=site.identity.auth) == (409, "own_origin")
        assert self.send(caller, origin="wrk_00000000000000dd") == (403, "hand_on_not_allowed")
        for origin in (None, 7, "", "somebody", self.ORIGIN.upper()):
            assert self.send(caller, origin=origin) == (400, "malformed")
        assert self.send(caller, movements="x") == (400, "malformed")
        assert self.send(caller, movements=[{}] * 1001) == (413, "too_large")
        assert self.send(caller, reserve="silver") == (404, "unknown_reserve")
        assert self.send(caller, movements=["x", {}, {"id": "1"}]) == (200, ["refused"] * 3)
        assert self.send(caller, make_movement(1, kind="correction")) == (200, ["refused"])
        assert site.movements() == []

    def test_a_blocked_origin_stays_blocked(self, site: PeerSite, caller: SignedCaller) -> None:
        self.allow(site, caller)
        site.write(
            lambda session: session.merge(Origin(auth=self.ORIGIN, first_seen_at=clock.now(), blocked_at=clock.now()))
        )
        assert self.send(caller) == (403, "blocked")

    def test_nobody_gets_mail_about_it(self, site: PeerSite, caller: SignedCaller) -> None:
        self.allow(site, caller)
        assert self.send(caller, make_movement(1), make_movement(1)) == (200, ["applied", "duplicate"])
        [movement] = site.movements()
        assert (movement.origin, movement.is_history) == (self.ORIGIN, True)
        assert self.send(caller, make_movement(1, points=11)) == (200, ["conflict"])


def test_what_can_be_allowed(site: PeerSite) -> None:
    def allow(origin: str, sender: str) -> None:
        site.write(lambda session: permissions.allow(session, origin, sender, "ada", clock.now()))

    first, second = "wrk_00000000000000ee", "wrk_00000000000000dd"
    with pytest.raises(InvalidInput):
        allow("x", first)
    with pytest.raises(InvalidInput):
        allow(first, first)
    for pair in ((site.identity.auth, first), (first, site.identity.auth)):
        with pytest.raises(Conflict):
            allow(*pair)
    allow(f" {first.upper()}", second)
    allow(first, second)
    assert [(each["origin"], each["sender"]) for each in site.read(permissions.list_json)] == [(first, second)]
    site.write(lambda session: permissions.withdraw(session, first, second))
    with pytest.raises(NotFound):
        site.write(lambda session: permissions.withdraw(session, first, second))


def test_changes_of_customers_are_handed_on_before_the_movements(family: Family, moving_clock: MovingClock) -> None:
    other = "bob@example.test"
    family.sender.list_site(family.gone)
    family.gone.record(other, 100)
    family.gone.write(lambda session: people.merge(session, other, ALICE, clock.now()))
    family.gone.deliver(family.to_sender)
    assert family.receiver.balances() == {ALICE: 10}
    family.start()
    assert "does not allow" in (family.run().message or "")
    family.allow()
    moving_clock.advance(MINUTE)
    assert family.run().state == "finished"
    assert family.receiver.balances() == family.sender.balances() == {ALICE: 122}
    calls = [path.removeprefix("/pointsync/v1/") for _, path, _ in family.receiver.requests if "hand-on" in path]
    assert calls == ["customers/changes/hand-on"] * 2 + ["movements/hand-on"]
