"""What a ping finds out about another PointSync site, by code."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.crypto import format_fingerprint, new_signing_key
from pointsync.ids import new_auth, new_pass
from pointsync.ledger import reserves
from pointsync.ledger.rewards import levels, rewards
from pointsync.models import Site
from pointsync.peer import pointsync as pointsync_server
from pointsync.runtime import get_runtime
from pointsync.sync.protocol import wire
from pointsync.sync.remotes import network, pinned_key, remotes
from pointsync.sync.remotes.pinned_key import KeyFingerprints
from tests.peer import interceptors
from tests.peer.conftest import MakeSite
from tests.peer.impostor import Impostor
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE

Pair = tuple[PeerSite, PeerSite]


def new_key(site: PeerSite) -> None:
    """Give the site another key, as if it was set up again with the same Auth and Pass."""

    def change_key(session):  # type: ignore[no-untyped-def]
        row, (private, public) = session.get_one(Site, 1), new_signing_key()
        row.sealed_private_key, row.public_key = get_runtime().vault.encrypt(private), public

    site.write(change_key)


def test_different_rewards_are_shown_until_both_sites_have_the_same(pair: Pair) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)

    def create_rewards(session: Session) -> None:
        default = reserves.get(session, "default")
        rewards.create(session, default, "Mug", "", 50, clock.now())
        levels.create(session, default, "Silver", "", 1000, clock.now())

    def titles_only_there() -> list[list[str]]:
        differences = a.write(lambda session: network.read(session, get_runtime().config, clock.now()).differences)
        return [[each.title for each in difference.only_remote] for difference in differences]

    assert titles_only_there() == []
    b.write(create_rewards)
    a.check(remote_id)
    assert titles_only_there() == [["Mug", "Silver"]]
    a.write(create_rewards)
    assert titles_only_there() == []


def read_keys(site: PeerSite, remote_id: int) -> KeyFingerprints:
    """The known keys of a remote's site."""
    return site.read(lambda session: pinned_key.read(session, remotes.get(session, remote_id)))


def test_a_successful_ping_warns_while_this_site_is_not_listed_there(pair: Pair) -> None:
    a, b = pair
    remote_id, result = a.list_site(b)
    assert (result.is_ok, result.code, result.dialect, result.name) == (True, "ok", "pointsync", "b")
    assert "b does not list this site yet" in result.message
    b.list_site(a)
    result = a.check(remote_id)
    assert (result.is_ok, result.code) == (True, "ok")
    assert "does not list" not in result.message
    assert result.facts["lists"] == [a.identity.auth]
    assert a.remote_json(remote_id)["status"] == "none"


def test_the_first_good_ping_pins_the_key(pair: Pair) -> None:
    """The caller's own key is known there from then on, but it is not pinned."""
    a, b = pair
    a.list_site(b)
    answering, calling = a.origin(b.identity.auth), b.origin(a.identity.auth)
    assert answering is not None
    assert calling is not None
    assert (answering.public_key, answering.is_key_proven) == (b.identity.public_key, True)
    assert (calling.public_key, calling.is_key_proven) == (a.identity.public_key, False)


def test_refused_connection(make_site: MakeSite) -> None:
    a, b = make_site("a"), make_site("b")
    remote_id, result = a.list_site(b)
    assert (result.is_ok, result.code, result.is_permanent) == (False, "refused_connection", False)
    assert a.remote_json(remote_id)["status"] == "warning"
    with b:
        assert a.check(remote_id).is_ok
    assert a.check(remote_id).code == "refused_connection"


@pytest.mark.parametrize("status", [200, 301, 403, 404, 405])
def test_not_a_site(pair: Pair, status: int) -> None:
    a, b = pair
    b.interceptor = interceptors.answer_with(
        status, headers={"Location": "http://127.0.0.1:1/"} if status == 301 else None
    )
    remote_id, result = a.list_site(b)
    assert (result.is_ok, result.code, result.is_permanent) == (False, "not_a_site", True)
    assert a.remote_json(remote_id)["status"] == "error"


def test_bad_credentials(pair: Pair) -> None:
    a, b = pair
    _, result = a.add_remote(b.url, b.identity.auth, new_pass())
    assert (result.code, result.is_permanent) == ("bad_credentials", True)
    assert "Pass" in result.message


def test_unknown_reserve_names_those_that_exist(pair: Pair) -> None:
    a, b = pair
    b.add_reserve("gold", "Gold")
    _, result = a.list_site(b, target_reserve="silver")
    assert (result.is_ok, result.code, result.is_permanent) == (False, "unknown_reserve", True)
    assert "default, gold" in result.message


def test_other_credentials_that_lead_back_to_this_site(pair: Pair) -> None:
    """The own Auth is refused when saving; anything else that leads back here is found by the ping."""
    a, b = pair
    for auth, password in ((b.identity.auth, b.identity.passes[0]), (new_auth(), a.identity.passes[0])):
        _, result = a.add_remote(a.url, auth, password)
        assert (result.is_ok, result.code, result.is_permanent) == (False, "this_site", True)


def test_other_site(pair: Pair) -> None:
    """A URL and an Auth that do not belong together, as after editing the URL of a pasted key."""
    a, b = pair
    _, result = a.add_remote(b.url, new_auth(), b.identity.passes[0])
    assert (result.is_ok, result.code, result.is_permanent) == (False, "other_site", True)


def test_a_changed_key_there(pair: Pair) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    pinned = b.identity.public_key
    new_key(b)
    result = a.check(remote_id)
    assert (result.is_ok, result.code, result.is_permanent) == (False, "changed_key", True)
    assert a.origin(b.identity.auth).public_key == pinned  # type: ignore[union-attr]
    a.record(ALICE, 5)
    a.deliver(remote_id)
    assert b.movements() == [], "nothing is sent to a site with another key"
    assert read_keys(a, remote_id) == KeyFingerprints(
        format_fingerprint(pinned), format_fingerprint(b.identity.public_key), None
    )


def test_a_changed_key_is_accepted_and_waiting_deliveries_are_sent(pair: Pair) -> None:
    """In both directions: the other site signs its own calls with the new key too."""
    a, b = pair
    b.list_site(a)
    remote_id, _ = a.list_site(b)
    new_key(b)
    a.check(remote_id)
    movement_id = a.record(ALICE, 5)
    back_id = b.record(ALICE, 7)
    b.deliver(1)
    assert b.remote(1).attempt_code == "changed_key", "its movements are not accepted either"
    fingerprint = read_keys(a, remote_id).offered
    a.write(lambda session: pinned_key.accept(session, remotes.get(session, remote_id), fingerprint, clock.now()))
    assert a.check(remote_id).is_ok
    a.deliver(remote_id)
    b.retry(1)
    b.deliver(1)
    assert (a.delivery(movement_id).state, b.delivery(back_id).state) == ("delivered", "delivered")
    assert a.balances() == b.balances() == {ALICE: 12}
    assert read_keys(a, remote_id) == KeyFingerprints(fingerprint, None, None)


def test_after_refusing_a_changed_key_deliveries_wait_for_the_pinned_one(pair: Pair) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    old_keys = b.read(lambda session: session.get_one(Site, 1).sealed_private_key), b.identity.public_key
    new_key(b)
    a.check(remote_id)
    movement_id = a.record(ALICE, 5)
    a.write(lambda session: pinned_key.refuse(session, remotes.get(session, remote_id), None, clock.now()))
    assert a.check(remote_id).code == "changed_key"
    assert read_keys(a, remote_id).refused_at == clock.now()
    a.retry(remote_id)
    a.deliver(remote_id)
    assert (a.delivery(movement_id).state, b.movements()) == ("pending", [])

    def restore(session):  # type: ignore[no-untyped-def]
        row = session.get_one(Site, 1)
        row.sealed_private_key, row.public_key = old_keys

    b.write(restore)
    assert a.check(remote_id).is_ok
    a.deliver(remote_id)
    assert (a.delivery(movement_id).state, b.balance(ALICE)) == ("delivered", 5)
    assert read_keys(a, remote_id) == KeyFingerprints(format_fingerprint(old_keys[1]), None, None)


def test_a_changed_key_here(pair: Pair) -> None:
    a, b = pair
    b.list_site(a)
    remote_id, _ = a.list_site(b)
    new_key(a)
    result = a.check(remote_id)
    assert (result.is_ok, result.code, result.is_permanent) == (False, "changed_key", True)
    assert "knows this site by another key" in result.message


def test_not_listed(pair: Pair) -> None:
    a, b = pair
    b.change_setting("only_listed", "on")
    remote_id, result = a.list_site(b)
    assert (result.is_ok, result.code, result.is_permanent) == (False, "not_listed", True)
    b.list_site(a)
    assert a.check(remote_id).is_ok


def test_an_unsigned_answer_of_a_site_with_a_pinned_key(pair: Pair) -> None:
    """Somebody who removes the signature could also change the answer."""
    a, b = pair
    remote_id, _ = a.list_site(b)

    def remove_signature(environ, start_response, app):  # type: ignore[no-untyped-def]
        def start(status, headers, *args):  # type: ignore[no-untyped-def]
            remaining = [(name, value) for name, value in headers if name.lower() != "webhook-signature"]
            return start_response(status, remaining, *args)

        return app(environ, start)

    b.interceptor = remove_signature
    assert a.check(remote_id).code == "bad_answer"
    movement_id = a.record(ALICE, 5)
    a.deliver(remote_id)
    assert a.delivery(movement_id).state == "pending", "it may have been applied, but it was not acknowledged"
    b.interceptor = None
    assert a.check(remote_id).is_ok
    a.retry(remote_id)
    a.deliver(remote_id)
    assert (a.delivery(movement_id).state, b.balance(ALICE)) == ("delivered", 5)


def test_an_invalid_time_in_a_clock_error_does_no_harm(pair: Pair) -> None:
    """Even of a site that signs it."""
    a, b = pair
    impostor = b.interceptor = Impostor(b.identity.auth, b.identity.passes, timedelta())
    remote_id, _ = a.list_site(b)
    for time in ("9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z", "soon", "2026-03-01T12:00:00", 7, [7]):
        impostor.time = time
        result = a.check(remote_id)
        assert (result.is_ok, result.code) == (False, "clock_refused")
    b.interceptor = None
    result = a.check(remote_id)
    assert (result.is_ok, result.code) == (True, "ok")


@pytest.mark.parametrize("offset", [timedelta(minutes=10), timedelta(days=-1)], ids=str)
def test_different_clocks_are_reported_and_sending_continues(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, offset: timedelta
) -> None:
    """Both sites share this process's clock, so B's is shifted where it checks a request's age and answers its time."""
    a, b = pair
    real = wire.SignedMessage.clock_skew
    monkeypatch.setattr(wire.SignedMessage, "clock_skew", lambda self, now: real(self, now + offset))
    monkeypatch.setattr(pointsync_server.clock, "to_text", lambda time, to_text=clock.to_text: to_text(time + offset))
    remote_id, result = a.list_site(b)
    assert (result.is_ok, result.code) == (True, "clock_skew")
    assert f"differ by {abs(offset) // timedelta(minutes=1):,} minutes" in result.message
    a.record(ALICE, 5)
    a.deliver(remote_id)
    assert b.balance(ALICE) == 5
    assert a.remote_json(remote_id)["status"] == "green"
    monkeypatch.undo()
    blink = timedelta(milliseconds=300)
    monkeypatch.setattr(pointsync_server.clock, "to_text", lambda time, to_text=clock.to_text: to_text(time + blink))
    result = a.check(remote_id)
    assert (result.is_ok, result.code) == (True, "ok"), "the warning ends when the clocks agree"


def test_a_nearly_corrected_clock_clears_with_the_next_check(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stored offset would still be accepted there, so a check uses our own time first; a delivery does not."""
    a, b = pair
    real, offset = wire.SignedMessage.clock_skew, timedelta(minutes=6)
    monkeypatch.setattr(wire.SignedMessage, "clock_skew", lambda self, now: real(self, now + offset))
    monkeypatch.setattr(pointsync_server.clock, "to_text", lambda time, to_text=clock.to_text: to_text(time + offset))
    remote_id, result = a.list_site(b)
    assert result.code == "clock_skew"
    a.record(ALICE, 5)
    b.requests.clear()
    a.deliver(remote_id)
    assert len(b.requests) == 1, "signed with the other clock's time at the first try"
    assert a.check(remote_id).code == "clock_skew"
    offset = timedelta(minutes=2)
    result = a.check(remote_id)
    assert (result.is_ok, result.code) == (True, "ok")
    assert a.remote(remote_id).clock_offset_seconds == 0
