"""What a ping finds out about another PointSync site, code by code."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.crypto import fingerprint, new_signing_key
from pointsync.ids import new_auth, new_pass
from pointsync.ledger import reserves
from pointsync.ledger.rewards import levels, rewards
from pointsync.models import Site
from pointsync.peer import pointsync as served
from pointsync.runtime import runtime
from pointsync.sync.protocol import wire
from pointsync.sync.remotes import network, pinned_key, remotes
from pointsync.sync.remotes.pinned_key import Keys
from tests.peer import interceptors
from tests.peer.conftest import MakeSite
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE

Pair = tuple[PeerSite, PeerSite]


def new_key(site: PeerSite) -> None:
    """The site is set up anew with the same Auth and Pass: another key."""

    def work(session):  # type: ignore[no-untyped-def]
        row, (private, public) = session.get_one(Site, 1), new_signing_key()
        row.sealed_private_key, row.public_key = runtime().vault.seal(private), public

    site.write(work)


def test_other_rewards_are_named_until_both_have_the_same(pair: Pair) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)

    def offer(session: Session) -> None:
        default = reserves.get(session, "default")
        rewards.add(session, default, "Mug", "", 50, clock.now())
        levels.add(session, default, "Silver", "", 1000, clock.now())

    def named() -> list[list[str]]:
        found = a.write(lambda session: network.read(session, runtime().config, clock.now()).differences)
        return [[each.title for each in difference.only_there] for difference in found]

    assert named() == []
    b.write(offer)
    a.check(remote_id)
    assert named() == [["Mug", "Silver"]]
    a.write(offer)
    assert named() == []


def keys(site: PeerSite, remote_id: int) -> Keys:
    """What is known there of the keys of the site that a line leads to."""
    return site.read(lambda session: pinned_key.read(session, remotes.get(session, remote_id)))


def test_ok_but_not_listed_there_and_then_listed(pair: Pair) -> None:
    a, b = pair
    remote_id, verdict = a.list_site(b)
    assert (verdict.ok, verdict.code, verdict.dialect, verdict.name) == (True, "ok", "pointsync", "b")
    assert "b does not list this site yet" in verdict.message
    b.list_site(a)
    verdict = a.check(remote_id)
    assert (verdict.ok, verdict.code) == (True, "ok")
    assert "does not list" not in verdict.message
    assert verdict.facts["lists"] == [a.identity.auth]
    assert a.shape(remote_id)["status"] == "none"


def test_the_first_good_ping_pins_the_key(pair: Pair) -> None:
    a, b = pair
    a.list_site(b)
    origin = a.origin(b.identity.auth)
    assert origin is not None
    assert origin.public_key == b.identity.public_key
    assert b.origin(a.identity.auth).public_key is None  # type: ignore[union-attr]


def test_refused_connection(make_site: MakeSite) -> None:
    a, b = make_site("a"), make_site("b")
    remote_id, verdict = a.list_site(b)
    assert (verdict.ok, verdict.code, verdict.is_permanent) == (False, "refused_connection", False)
    assert a.shape(remote_id)["status"] == "warning"
    with b:
        assert a.check(remote_id).ok
    assert a.check(remote_id).code == "refused_connection"


@pytest.mark.parametrize("status", [200, 301, 403, 404, 405])
def test_not_a_site(pair: Pair, status: int) -> None:
    a, b = pair
    b.front = interceptors.answering(status, headers={"Location": "http://127.0.0.1:1/"} if status == 301 else None)
    remote_id, verdict = a.list_site(b)
    assert (verdict.ok, verdict.code, verdict.is_permanent) == (False, "not_a_site", True)
    assert a.shape(remote_id)["status"] == "error"


def test_bad_credentials(pair: Pair) -> None:
    a, b = pair
    _, verdict = a.add_remote(b.url, b.identity.auth, new_pass())
    assert (verdict.code, verdict.is_permanent) == ("bad_credentials", True)
    assert "Pass" in verdict.message


def test_unknown_reserve_names_those_that_exist(pair: Pair) -> None:
    a, b = pair
    b.add_reserve("gold", "Gold")
    _, verdict = a.list_site(b, target="silver")
    assert (verdict.ok, verdict.code, verdict.is_permanent) == (False, "unknown_reserve", True)
    assert "default, gold" in verdict.message


def test_this_site_by_other_credentials(pair: Pair) -> None:
    """This site's own Auth is refused before; what else leads back here is found out."""
    a, b = pair
    for auth, password in ((b.identity.auth, b.identity.passes[0]), (new_auth(), a.identity.passes[0])):
        _, verdict = a.add_remote(a.url, auth, password)
        assert (verdict.ok, verdict.code, verdict.is_permanent) == (False, "this_site", True)


def test_other_site(pair: Pair) -> None:
    """A URL and an Auth that do not belong together, as after a pasted key's URL was edited."""
    a, b = pair
    _, verdict = a.add_remote(b.url, new_auth(), b.identity.passes[0])
    assert (verdict.ok, verdict.code, verdict.is_permanent) == (False, "other_site", True)


def test_a_changed_key_there(pair: Pair) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    pinned = b.identity.public_key
    new_key(b)
    verdict = a.check(remote_id)
    assert (verdict.ok, verdict.code, verdict.is_permanent) == (False, "changed_key", True)
    assert a.origin(b.identity.auth).public_key == pinned  # type: ignore[union-attr]
    a.record(ALICE, 5)
    a.deliver(remote_id)
    assert b.movements() == [], "nothing is sent to whoever speaks with another key"
    assert keys(a, remote_id) == Keys(fingerprint(pinned), fingerprint(b.identity.public_key), None)


def test_a_changed_key_is_accepted_and_what_waits_is_sent(pair: Pair) -> None:
    """Both ways: what the other site sends is signed with its new key, too."""
    a, b = pair
    b.list_site(a)
    remote_id, _ = a.list_site(b)
    new_key(b)
    a.check(remote_id)
    made = a.record(ALICE, 5)
    back = b.record(ALICE, 7)
    b.deliver(1)
    assert b.remote(1).attempt_code == "changed_key", "nor is it taken from it"
    shown = keys(a, remote_id).offered
    a.write(lambda session: pinned_key.accept(session, remotes.get(session, remote_id), shown, clock.now()))
    assert a.check(remote_id).ok
    a.deliver(remote_id)
    b.retry(1)
    b.deliver(1)
    assert (a.delivery(made).state, b.delivery(back).state) == ("delivered", "delivered")
    assert a.balances() == b.balances() == {ALICE: 12}
    assert keys(a, remote_id) == Keys(shown, None, None)


def test_a_changed_key_is_refused_and_waits_for_the_pinned_one(pair: Pair) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    kept = b.read(lambda session: session.get_one(Site, 1).sealed_private_key), b.identity.public_key
    new_key(b)
    a.check(remote_id)
    made = a.record(ALICE, 5)
    a.write(lambda session: pinned_key.refuse(session, remotes.get(session, remote_id), None, clock.now()))
    assert a.check(remote_id).code == "changed_key"
    assert keys(a, remote_id).refused_at == clock.now()
    a.retry(remote_id)
    a.deliver(remote_id)
    assert (a.delivery(made).state, b.movements()) == ("pending", [])

    def restore(session):  # type: ignore[no-untyped-def]
        row = session.get_one(Site, 1)
        row.sealed_private_key, row.public_key = kept

    b.write(restore)
    assert a.check(remote_id).ok
    a.deliver(remote_id)
    assert (a.delivery(made).state, b.balance(ALICE)) == ("delivered", 5)
    assert keys(a, remote_id) == Keys(fingerprint(kept[1]), None, None)


def test_a_changed_key_here(pair: Pair) -> None:
    a, b = pair
    b.list_site(a)
    remote_id, _ = a.list_site(b)
    new_key(a)
    verdict = a.check(remote_id)
    assert (verdict.ok, verdict.code, verdict.is_permanent) == (False, "changed_key", True)
    assert "knows this site by another key" in verdict.message


def test_not_listed(pair: Pair) -> None:
    a, b = pair
    b.set("only_listed", "on")
    remote_id, verdict = a.list_site(b)
    assert (verdict.ok, verdict.code, verdict.is_permanent) == (False, "not_listed", True)
    b.list_site(a)
    assert a.check(remote_id).ok


def test_bad_answer_of_a_site_whose_key_is_known(pair: Pair) -> None:
    """Who takes the answer's signature away could have changed the answer."""
    a, b = pair
    remote_id, _ = a.list_site(b)

    def unsigned(environ, start_response, app):  # type: ignore[no-untyped-def]
        def start(status, headers, *more):  # type: ignore[no-untyped-def]
            kept = [(name, value) for name, value in headers if name.lower() != "webhook-signature"]
            return start_response(status, kept, *more)

        return app(environ, start)

    b.front = unsigned
    assert a.check(remote_id).code == "bad_answer"
    made = a.record(ALICE, 5)
    a.deliver(remote_id)
    assert a.delivery(made).state == "pending", "applied or not, it was not acknowledged"
    b.front = None
    assert a.check(remote_id).ok
    a.retry(remote_id)
    a.deliver(remote_id)
    assert (a.delivery(made).state, b.balance(ALICE)) == ("delivered", 5)


def test_a_clock_that_names_no_time_does_no_harm(pair: Pair) -> None:
    """What is told in an unsigned error is only a hint."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    for told in ("9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z", "soon", "", "2026-03-01T12:00:00"):

        def apart(environ, start_response, app, time=told):  # type: ignore[no-untyped-def]
            start_response("401 Whatever", [("Content-Type", "application/json")])
            return [b'{"error": {"code": "clock_skew", "message": "", "time": "%s"}}' % time.encode()]

        b.front = apart
        verdict = a.check(remote_id)
        assert (verdict.ok, verdict.code) == (False, "clock_skew")
    b.front = None
    verdict = a.check(remote_id)
    assert (verdict.ok, verdict.code) == (True, "ok")


@pytest.mark.parametrize("off", [timedelta(minutes=10), timedelta(days=-1)], ids=str)
def test_clocks_apart_are_told_and_sending_goes_on(pair: Pair, monkeypatch: pytest.MonkeyPatch, off: timedelta) -> None:
    """Both share this process's clock, so B's is set apart where it reads a request's age and tells its time."""
    a, b = pair
    real = wire.Signed.skew
    monkeypatch.setattr(wire.Signed, "skew", lambda self, now: real(self, now + off))
    monkeypatch.setattr(served.clock, "to_text", lambda moment, told=clock.to_text: told(moment + off))
    remote_id, verdict = a.list_site(b)
    assert (verdict.ok, verdict.code) == (True, "clock_skew")
    assert f"{abs(off) // timedelta(minutes=1):,} minutes apart" in verdict.message
    a.record(ALICE, 5)
    a.deliver(remote_id)
    assert b.balance(ALICE) == 5
    assert a.shape(remote_id)["status"] == "green"
    monkeypatch.undo()
    blink = timedelta(milliseconds=300)
    monkeypatch.setattr(served.clock, "to_text", lambda moment, told=clock.to_text: told(moment + blink))
    verdict = a.check(remote_id)
    assert (verdict.ok, verdict.code) == (True, "ok"), "once the clocks agree, nobody is warned any more"


def test_a_clock_put_nearly_right_clears_by_the_next_check(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was learned of it would still pass there, so a check asks by our own time first; a delivery does not."""
    a, b = pair
    real, off = wire.Signed.skew, timedelta(minutes=6)
    monkeypatch.setattr(wire.Signed, "skew", lambda self, now: real(self, now + off))
    monkeypatch.setattr(served.clock, "to_text", lambda moment, told=clock.to_text: told(moment + off))
    remote_id, verdict = a.list_site(b)
    assert verdict.code == "clock_skew"
    a.record(ALICE, 5)
    b.requests.clear()
    a.deliver(remote_id)
    assert len(b.requests) == 1, "signed by the other clock at once"
    assert a.check(remote_id).code == "clock_skew"
    off = timedelta(minutes=2)
    verdict = a.check(remote_id)
    assert (verdict.ok, verdict.code) == (True, "ok")
    assert a.remote(remote_id).clock_offset_seconds == 0
