"""After a Pass rotation, in both dialects: the old Pass is accepted for a day, then refused with advice."""

from collections.abc import Iterable
from datetime import timedelta
from types import ModuleType
from typing import Any

import msgspec
import pytest

from pointsync import clock
from pointsync.ids import new_pass
from pointsync.peer import authentication
from pointsync.peer import woorewards as woorewards_server
from pointsync.runtime import get_runtime
from pointsync.sync.protocol import ping
from pointsync.sync.protocol.woorewards import build_basic_auth
from pointsync.sync.remotes import remotes, sharing_key
from pointsync.sync.site import passes
from tests.peer import interceptors
from tests.peer.peer_site import PeerSite, Wsgi
from tests.peer.server.test_signatures import STRANGER, pin_key
from tests.peer.signed_caller import ALICE, SignedCaller, make_movement
from tests.peer.woorewards_caller import WooRewardsCaller, status_code
from tests.support.moving_clock import MovingClock

Pair = tuple[PeerSite, PeerSite]
MINUTE, DAY, BLINK = timedelta(minutes=1), timedelta(days=1), timedelta(milliseconds=1)


def rotate_pass(site: PeerSite, *, revoke_old_now: bool = False) -> str:
    """Rotate the site's Pass and return the new one."""
    site.write(lambda session: passes.rotate(session, get_runtime().vault, clock.now(), revoke_old_now=revoke_old_now))
    return site.identity.passes[0]


def sites_with_old_pass(site: PeerSite) -> dict[str, Any]:
    """The sites that use the old Pass, with the times of their last calls with it."""

    def read(session):  # type: ignore[no-untyped-def]
        old_pass = passes.get_old(session, get_runtime().config, clock.now())
        return {each.auth: each.last_called_at for each in old_pass.callers}

    return site.read(read)


class TestPointSync:
    """The PointSync dialect."""

    def test_both_passes_are_accepted_for_a_day(
        self, site: PeerSite, caller: SignedCaller, moving_clock: MovingClock
    ) -> None:
        old, new = caller.password, rotate_pass(site)
        for number, passwords in enumerate([(old,), (new,), (old, new), (new_pass(), old)], start=1):
            assert caller.send(make_movement(number), passwords=passwords).status_code == 200
        moving_clock.advance(DAY - BLINK)
        assert caller.send(make_movement(5), passwords=(old,)).status_code == 200
        moving_clock.advance(BLINK)
        assert caller.send(make_movement(6), passwords=(old,)).status_code == 401
        assert caller.send(make_movement(6), passwords=(old, new)).status_code == 200
        assert site.balance(ALICE) == 60

    @pytest.mark.parametrize("call", ["ping", "movements"])
    @pytest.mark.parametrize("end", ["grace", "early", "at once"])
    def test_the_expired_pass_is_refused_with_its_own_message(
        self, site: PeerSite, caller: SignedCaller, moving_clock: MovingClock, call: str, end: str
    ) -> None:
        rotate_pass(site, revoke_old_now=end == "at once")
        if end == "grace":
            moving_clock.advance(DAY)
        elif end == "early":
            site.write(lambda session: passes.revoke_old(session, clock.now()))
        before = site.dump()
        answer = caller.post(call, caller.body(movements=[make_movement()]))
        assert answer.status_code == 401
        error = {"code": "bad_signature", "message": passes.EXPIRED_PASS_MESSAGE, "reason": "pass_changed"}
        assert answer.json == {"error": error}
        assert "new sharing key" in passes.EXPIRED_PASS_MESSAGE
        assert site.dump() == before
        assert site.origin(caller.auth) is None

    def test_rotated_after_a_call_was_authenticated(
        self, site: PeerSite, caller: SignedCaller, moving_clock: MovingClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The call used the Pass that is the old one now."""
        change_pass_after_step(site, monkeypatch, authentication, "check_pass")
        assert caller.send(make_movement()).status_code == 200
        assert sites_with_old_pass(site) == {caller.auth: moving_clock.now()}

    def test_a_caller_without_the_old_pass_learns_nothing(self, site: PeerSite, caller: SignedCaller) -> None:
        rotate_pass(site, revoke_old_now=True)
        answer = caller.send(make_movement(), passwords=(new_pass(),))
        assert answer.status_code == 401
        error = {"code": "bad_signature", "message": "The signature was not made with this site's Pass."}
        assert answer.json == {"error": error}

    @pytest.mark.parametrize("offset", [-5 * MINUTE - MINUTE, 5 * MINUTE + MINUTE], ids=str)
    def test_nor_does_a_caller_with_an_old_request(
        self, site: PeerSite, caller: SignedCaller, offset: timedelta
    ) -> None:
        """A captured request is signed with the old Pass, but its sender may not know that Pass."""
        rotate_pass(site, revoke_old_now=True)
        error = caller.send(make_movement(), signed_at=clock.now() + offset).json["error"]
        assert (error["code"], "reason" in error, error["message"] == passes.EXPIRED_PASS_MESSAGE) == (
            "bad_signature",
            False,
            False,
        )

    def test_after_a_month_it_is_refused_like_any_wrong_pass(
        self, site: PeerSite, caller: SignedCaller, moving_clock: MovingClock
    ) -> None:
        rotate_pass(site, revoke_old_now=True)
        moving_clock.advance(passes.EXPIRED_PASS_RETENTION - BLINK)
        assert caller.ping().json["error"]["reason"] == "pass_changed"
        moving_clock.advance(BLINK)
        assert "reason" not in caller.ping().json["error"]

    def test_the_pass_that_a_site_uses_is_saved(
        self, site: PeerSite, caller: SignedCaller, moving_clock: MovingClock
    ) -> None:
        called_at = clock.now()
        caller.ping()
        moving_clock.advance(MINUTE)
        new = rotate_pass(site)
        assert sites_with_old_pass(site) == {caller.auth: called_at}
        caller.send(make_movement(1))
        assert sites_with_old_pass(site) == {caller.auth: clock.now()}
        moving_clock.advance(MINUTE)
        caller.ping(passwords=(caller.password, new))
        assert sites_with_old_pass(site) == {}

    def test_a_caller_with_another_key_does_not_count_as_the_site(self, site: PeerSite, caller: SignedCaller) -> None:
        pin_key(site, caller)
        rotate_pass(site)
        assert caller.ping(keys=(STRANGER,)).json["error"]["code"] == "key_mismatch"
        assert sites_with_old_pass(site) == {}
        caller.ping()
        assert sites_with_old_pass(site) == {caller.auth: clock.now()}


def change_pass_after_step(site: PeerSite, patch: pytest.MonkeyPatch, module: ModuleType, step: str) -> None:
    """Rotate the site's Pass once, right after a call has passed `step` of `module`."""
    original = getattr(module, step)

    def run_step_and_rotate(*args: Any) -> Any:
        patch.setattr(module, step, original)
        result = original(*args)
        rotate_pass(site)
        return result

    patch.setattr(module, step, run_step_and_rotate)


class TestWooRewards:
    """The WooRewards dialect."""

    @pytest.fixture
    def shop(self, listening_site: PeerSite) -> WooRewardsCaller:
        return WooRewardsCaller(listening_site)

    def test_rotated_after_a_call_was_authenticated(
        self, shop: WooRewardsCaller, moving_clock: MovingClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change_pass_after_step(shop.site, monkeypatch, woorewards_server, "_require_utf8_form")
        assert status_code(shop.sync(ALICE, 10)) == "s200"
        assert list(sites_with_old_pass(shop.site).values()) == [moving_clock.now()]

    def test_both_passes_are_accepted_for_a_day(self, shop: WooRewardsCaller, moving_clock: MovingClock) -> None:
        old, new = shop.password, rotate_pass(shop.site)
        for password in (old, new):
            shop.password = password
            assert shop.ping().body["auth"] == "yes"
            assert status_code(shop.sync(ALICE, 10)) == "s200"
        moving_clock.advance(DAY)
        assert status_code(shop.sync(ALICE, 10)) == "s200"
        shop.password = old
        assert shop.sync(ALICE, 10).status == 401
        assert shop.site.balance(ALICE) == 30

    @pytest.mark.parametrize("is_early", [True, False])
    def test_the_expired_pass_is_refused_with_its_own_message(self, shop: WooRewardsCaller, is_early: bool) -> None:
        """In WordPress's format; the ping's answer has no message and stays as it is."""
        rotate_pass(shop.site, revoke_old_now=not is_early)
        if is_early:
            shop.site.write(lambda session: passes.revoke_old(session, clock.now()))
        before = shop.site.dump()
        answer = shop.sync(ALICE, 10)
        error = {"code": "rest_forbidden", "message": passes.EXPIRED_PASS_MESSAGE, "data": {"status": 401}}
        assert (answer.status, answer.body) == (401, error)
        assert shop.ping().body == {"sync": "yes", "auth": "no", "pool": ""}
        assert shop.site.dump() == before

    def test_a_caller_without_the_old_pass_learns_nothing(self, shop: WooRewardsCaller) -> None:
        old = shop.password
        rotate_pass(shop.site, revoke_old_now=True)
        for auth, password in ((shop.to, new_pass()), (f"wrk_{'0' * 16}", old), ("", old)):
            answer = shop.post(f"default/{ALICE}/5/add", {}, {"authorization": build_basic_auth(auth, password)})
            assert (answer.status, answer.body["code"]) == (401, "rest_forbidden")
            assert answer.body["message"] == "Sorry, you are not allowed to do that."

    def test_the_pass_that_a_shop_uses_is_saved(self, shop: WooRewardsCaller, moving_clock: MovingClock) -> None:
        new = rotate_pass(shop.site)
        shop.sync(ALICE, 10)
        assert sites_with_old_pass(shop.site) == {shop.auth: clock.now()}
        moving_clock.advance(MINUTE)
        shop.password = new
        shop.sync(ALICE, 10)
        assert sites_with_old_pass(shop.site) == {}


class TestPair:
    """Two sites: how the sender reacts."""

    @pytest.mark.parametrize("is_revoked", [True, False], ids=["at once", "with grace"])
    def test_a_batch_signed_before_the_rotation_arrives_after_it(self, pair: Pair, is_revoked: bool) -> None:
        """During the grace period it is applied. Otherwise it is refused and sent again with the new Pass."""
        a, b = pair
        remote_id, _ = a.list_site(b)
        movement_id = a.record(ALICE, 10)
        new_passes: list[str] = []

        def rotate_in_flight(environ: dict[str, Any], start_response: Any, app: Wsgi) -> Iterable[bytes]:
            if not new_passes and environ["PATH_INFO"].endswith("/movements"):
                new_passes.append(rotate_pass(b, revoke_old_now=is_revoked))
            return app(environ, start_response)

        b.interceptor = rotate_in_flight
        a.deliver(remote_id)
        assert new_passes
        assert (a.delivery(movement_id).state, b.balance(ALICE)) == (
            ("pending", None) if is_revoked else ("delivered", 10)
        )
        paste_sharing_key(a, remote_id, new_passes[0])
        a.deliver(remote_id)
        assert (a.delivery(movement_id).state, b.balance(ALICE)) == ("delivered", 10)
        assert len(b.movements()) == 1

    def test_the_sender_is_warned_during_the_grace_period(self, pair: Pair, moving_clock: MovingClock) -> None:
        """The warning is in a signed answer, and only for callers with the old Pass."""
        a, b = pair
        b.list_site(a)
        remote_id, result = a.list_site(b)
        assert "Pass" not in result.message
        new = rotate_pass(b)
        result = a.check(remote_id)
        assert (result.is_ok, result.code) == (True, "ok")
        assert "b has a new Pass. The Pass entered here is valid until 2 Mar 2026, 12:00 UTC" in result.message
        assert a.remote(remote_id).facts["pass_ends_at"] == "2026-03-02T12:00:00Z"
        paste_sharing_key(a, remote_id, new)
        assert "Pass" not in a.check(remote_id).message
        assert a.remote(remote_id).facts["pass_ends_at"] is None

    @pytest.mark.parametrize("value", [b'"soon"', b"1", b"{}", b'"2026-03-02T12:00:00"', b'"9999-99-99T99:99:99Z"'])
    def test_an_invalid_end_time_is_left_out(self, value: bytes) -> None:
        assert ping._parse_facts(msgspec.json.decode(b'{"pass_ends_at": %s}' % value))["pass_ends_at"] is None

    def test_the_remote_turns_red_after_the_grace_period_and_says_what_to_do(
        self, pair: Pair, moving_clock: MovingClock
    ) -> None:
        a, b = pair
        remote_id, _ = a.list_site(b)
        new = rotate_pass(b)
        a.record(ALICE, 1)
        a.deliver(remote_id)
        assert a.remote_json(remote_id)["status"] == "green"
        assert sites_with_old_pass(b) == {a.identity.auth: clock.now()}
        moving_clock.advance(DAY)
        movement_id = a.record(ALICE, 2)
        a.deliver(remote_id)
        remote_json = a.remote_json(remote_id)
        assert remote_json["status"] == "error"
        assert f"{b.url} has a new Pass" in remote_json["status_text"]
        assert "new sharing key" in remote_json["last_error"]
        assert a.remote(remote_id).attempt_code == "bad_credentials"
        result = a.check(remote_id)
        assert (result.code, result.is_permanent) == ("bad_credentials", True)
        assert "has a new Pass" in result.message
        paste_sharing_key(a, remote_id, new)
        assert a.check(remote_id).is_ok
        a.deliver(remote_id)
        assert (a.delivery(movement_id).state, b.balance(ALICE), sites_with_old_pass(b)) == ("delivered", 3, {})
        assert a.remote_json(remote_id)["status"] == "warning", "in step, and the error is remembered"

    def test_the_text_of_an_unsigned_refusal_is_not_shown(self, pair: Pair) -> None:
        a, b = pair
        remote_id, _ = a.list_site(b)

        def forge_refusal(environ: dict[str, Any], start_response: Any, app: Wsgi) -> Iterable[bytes]:
            start_response("401 Unauthorized", [("Content-Type", "application/json")])
            fields = b'"code": "bad_signature", "message": "Send your Pass to evil.example", "reason": "pass_changed"'
            return [b'{"error": {%s}}' % fields]

        b.interceptor = forge_refusal
        message = a.check(remote_id).message
        assert "evil" not in message
        assert "has a new Pass" in message

    def test_the_woorewards_dialect_says_so_too(self, pair: Pair) -> None:
        """A firewall between the two sites lets only the WooRewards dialect through."""
        a, b = pair

        def firewall(environ: dict[str, Any], start_response: Any, app: Wsgi) -> Iterable[bytes]:
            is_pointsync = environ["PATH_INFO"].startswith("/pointsync/")
            return interceptors.html_answer(start_response, 404) if is_pointsync else app(environ, start_response)

        b.interceptor = firewall
        remote_id, result = a.list_site(b)
        assert (result.is_ok, result.dialect) == (True, "woorewards")
        new = rotate_pass(b, revoke_old_now=True)
        movement_id = a.record(ALICE, 5)
        a.deliver(remote_id)
        assert a.remote(remote_id).attempt_code == "bad_credentials"
        assert f"{b.url} has a new Pass" in (a.delivery(movement_id).message or "")
        assert a.remote_json(remote_id)["status"] == "error"
        paste_sharing_key(a, remote_id, new)
        a.deliver(remote_id)
        assert (a.delivery(movement_id).state, b.balance(ALICE)) == ("delivered", 5)


def paste_sharing_key(site: PeerSite, remote_id: int, password: str) -> None:
    """Paste the other site's new sharing key into the remote, as its admin does."""

    def edit(session):  # type: ignore[no-untyped-def]
        remote = remotes.get(session, remote_id)
        remote_input = sharing_key.RemoteInput(
            remote.url, remote.auth, password, remote.target, remote.reserve.key, remote.query_template
        )
        remotes.change(session, get_runtime().vault, remote, remote_input, remote.version, clock.now())

    site.write(edit)
