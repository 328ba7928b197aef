"""Our Pass is changed: who has the old one is let in for its grace, and then told what to do; in both dialects."""

from collections.abc import Iterable
from datetime import timedelta
from types import ModuleType
from typing import Any

import msgspec
import pytest

from pointsync import clock
from pointsync.ids import new_pass
from pointsync.peer import pointsync as served
from pointsync.peer import woorewards as woo_served
from pointsync.runtime import runtime
from pointsync.sync.protocol import ping
from pointsync.sync.protocol.woorewards import basic
from pointsync.sync.remotes import remotes, sharing_key
from pointsync.sync.site import passes
from tests.peer import interceptors
from tests.peer.peer_site import PeerSite, Wsgi
from tests.peer.server.test_signatures import STRANGER, pin
from tests.peer.signed_caller import ALICE, Caller, a_movement
from tests.peer.woorewards_caller import WooCaller, code
from tests.support.moving_clock import MovingClock

Pair = tuple[PeerSite, PeerSite]
MINUTE, DAY, BLINK = timedelta(minutes=1), timedelta(days=1), timedelta(milliseconds=1)


def rotate(site: PeerSite, *, at_once: bool = False) -> str:
    """Change the site's Pass; the new one."""
    site.write(lambda session: passes.rotate(session, runtime().vault, clock.now(), at_once=at_once))
    return site.identity.passes[0]


def having(site: PeerSite) -> dict[str, Any]:
    """Who has the old Pass, with the moment of the last call with it."""

    def read(session):  # type: ignore[no-untyped-def]
        old = passes.old(session, runtime().config, clock.now())
        return {each.auth: each.last_at for each in old.callers}

    return site.read(read)


class TestPointSync:
    """The PointSync dialect."""

    def test_old_and_new_work_for_a_day(self, site: PeerSite, caller: Caller, moving_clock: MovingClock) -> None:
        old, new = caller.password, rotate(site)
        for number, passwords in enumerate([(old,), (new,), (old, new), (new_pass(), old)], start=1):
            assert caller.send(a_movement(number), passwords=passwords).status_code == 200
        moving_clock.advance(DAY - BLINK)
        assert caller.send(a_movement(5), passwords=(old,)).status_code == 200
        moving_clock.advance(BLINK)
        assert caller.send(a_movement(6), passwords=(old,)).status_code == 401
        assert caller.send(a_movement(6), passwords=(old, new)).status_code == 200
        assert site.balance(ALICE) == 60

    @pytest.mark.parametrize("call", ["ping", "movements"])
    @pytest.mark.parametrize("end", ["grace", "early", "at once"])
    def test_afterwards_it_is_refused_in_words_of_its_own(
        self, site: PeerSite, caller: Caller, moving_clock: MovingClock, call: str, end: str
    ) -> None:
        rotate(site, at_once=end == "at once")
        if end == "grace":
            moving_clock.advance(DAY)
        elif end == "early":
            site.write(lambda session: passes.end_old(session, clock.now()))
        before = site.dump()
        answer = caller.post(call, caller.body(movements=[a_movement()]))
        assert answer.status_code == 401
        said = {"code": "bad_signature", "message": passes.ENDED, "reason": "pass_changed"}
        assert answer.json == {"error": said}
        assert "new sharing key" in passes.ENDED
        assert site.dump() == before
        assert site.origin(caller.auth) is None

    def test_changed_after_a_call_was_let_in(
        self, site: PeerSite, caller: Caller, moving_clock: MovingClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It has used what is the old one by now."""
        changed_amid(site, monkeypatch, served, "_trusted")
        assert caller.send(a_movement()).status_code == 200
        assert having(site) == {caller.auth: moving_clock.now()}

    def test_who_does_not_know_the_old_one_learns_nothing(self, site: PeerSite, caller: Caller) -> None:
        rotate(site, at_once=True)
        answer = caller.send(a_movement(), passwords=(new_pass(),))
        assert answer.status_code == 401
        said = {"code": "bad_signature", "message": "The signature was not made with this site's Pass."}
        assert answer.json == {"error": said}

    @pytest.mark.parametrize("off", [-5 * MINUTE - MINUTE, 5 * MINUTE + MINUTE], ids=str)
    def test_nor_does_who_shows_a_request_of_another_time(self, site: PeerSite, caller: Caller, off: timedelta) -> None:
        """Kept on the way, it is signed with the old Pass, though whoever has it does not know that."""
        rotate(site, at_once=True)
        error = caller.send(a_movement(), moment=clock.now() + off).json["error"]
        assert (error["code"], "reason" in error, error["message"] == passes.ENDED) == ("bad_signature", False, False)

    def test_after_a_month_it_is_like_any_wrong_one(
        self, site: PeerSite, caller: Caller, moving_clock: MovingClock
    ) -> None:
        rotate(site, at_once=True)
        moving_clock.advance(passes.KEPT - BLINK)
        assert caller.ping().json["error"]["reason"] == "pass_changed"
        moving_clock.advance(BLINK)
        assert "reason" not in caller.ping().json["error"]

    def test_which_pass_a_site_calls_with_is_remembered(
        self, site: PeerSite, caller: Caller, moving_clock: MovingClock
    ) -> None:
        called_at = clock.now()
        caller.ping()
        moving_clock.advance(MINUTE)
        new = rotate(site)
        assert having(site) == {caller.auth: called_at}
        caller.send(a_movement(1))
        assert having(site) == {caller.auth: clock.now()}
        moving_clock.advance(MINUTE)
        caller.ping(passwords=(caller.password, new))
        assert having(site) == {}

    def test_whoever_speaks_with_another_key_is_not_taken_for_the_site(self, site: PeerSite, caller: Caller) -> None:
        pin(site, caller)
        rotate(site)
        assert caller.ping(keys=(STRANGER,)).json["error"]["code"] == "key_mismatch"
        assert having(site) == {}
        caller.ping()
        assert having(site) == {caller.auth: clock.now()}


def changed_amid(site: PeerSite, patch: pytest.MonkeyPatch, module: ModuleType, step: str) -> None:
    """Change the site's Pass once, right after a call has passed that step of `module`."""
    taken = getattr(module, step)

    def then(*given: Any) -> Any:
        patch.setattr(module, step, taken)
        passed = taken(*given)
        rotate(site)
        return passed

    patch.setattr(module, step, then)


class TestWooRewards:
    """The WooRewards dialect."""

    @pytest.fixture
    def shop(self, listening: PeerSite) -> WooCaller:
        return WooCaller(listening)

    def test_changed_after_a_call_was_let_in(
        self, shop: WooCaller, moving_clock: MovingClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        changed_amid(shop.site, monkeypatch, woo_served, "_check_text")
        assert code(shop.sync(ALICE, 10)) == "s200"
        assert list(having(shop.site).values()) == [moving_clock.now()]

    def test_old_and_new_work_for_a_day(self, shop: WooCaller, moving_clock: MovingClock) -> None:
        old, new = shop.password, rotate(shop.site)
        for password in (old, new):
            shop.password = password
            assert shop.ping().body["auth"] == "yes"
            assert code(shop.sync(ALICE, 10)) == "s200"
        moving_clock.advance(DAY)
        assert code(shop.sync(ALICE, 10)) == "s200"
        shop.password = old
        assert shop.sync(ALICE, 10).status == 401
        assert shop.site.balance(ALICE) == 30

    @pytest.mark.parametrize("is_early", [True, False])
    def test_afterwards_it_is_refused_in_words_of_its_own(self, shop: WooCaller, is_early: bool) -> None:
        """In the shape of WordPress; the ping's answer has no room for words and stays as it is."""
        rotate(shop.site, at_once=not is_early)
        if is_early:
            shop.site.write(lambda session: passes.end_old(session, clock.now()))
        before = shop.site.dump()
        answer = shop.sync(ALICE, 10)
        refused = {"code": "rest_forbidden", "message": passes.ENDED, "data": {"status": 401}}
        assert (answer.status, answer.body) == (401, refused)
        assert shop.ping().body == {"sync": "yes", "auth": "no", "pool": ""}
        assert shop.site.dump() == before

    def test_who_does_not_know_the_old_one_learns_nothing(self, shop: WooCaller) -> None:
        old = shop.password
        rotate(shop.site, at_once=True)
        for auth, password in ((shop.to, new_pass()), (f"wrk_{'0' * 16}", old), ("", old)):
            answer = shop.post(f"default/{ALICE}/5/add", {}, {"authorization": basic(auth, password)})
            assert (answer.status, answer.body["code"]) == (401, "rest_forbidden")
            assert answer.body["message"] == "Sorry, you are not allowed to do that."

    def test_which_pass_a_shop_calls_with_is_remembered(self, shop: WooCaller, moving_clock: MovingClock) -> None:
        new = rotate(shop.site)
        shop.sync(ALICE, 10)
        assert having(shop.site) == {shop.auth: clock.now()}
        moving_clock.advance(MINUTE)
        shop.password = new
        shop.sync(ALICE, 10)
        assert having(shop.site) == {}


class TestPair:
    """Two sites: what the one that sends makes of it."""

    @pytest.mark.parametrize("at_once", [True, False], ids=["at once", "with grace"])
    def test_a_batch_signed_before_that_arrives_after(self, pair: Pair, at_once: bool) -> None:
        """Within the grace it is applied. At once, it is refused whole, and goes out again with the new Pass."""
        a, b = pair
        remote_id, _ = a.list_site(b)
        made = a.record(ALICE, 10)
        changed: list[str] = []

        def on_its_way(environ: dict[str, Any], start_response: Any, app: Wsgi) -> Iterable[bytes]:
            if not changed and environ["PATH_INFO"].endswith("/movements"):
                changed.append(rotate(b, at_once=at_once))
            return app(environ, start_response)

        b.front = on_its_way
        a.deliver(remote_id)
        assert changed
        assert (a.delivery(made).state, b.balance(ALICE)) == (("pending", None) if at_once else ("delivered", 10))
        paste(a, remote_id, changed[0])
        a.deliver(remote_id)
        assert (a.delivery(made).state, b.balance(ALICE)) == ("delivered", 10)
        assert len(b.movements()) == 1

    def test_the_sender_is_warned_during_the_grace(self, pair: Pair, moving_clock: MovingClock) -> None:
        """In an answer that is signed, and to nobody but who has the old one."""
        a, b = pair
        b.list_site(a)
        remote_id, verdict = a.list_site(b)
        assert "Pass" not in verdict.message
        new = rotate(b)
        verdict = a.check(remote_id)
        assert (verdict.ok, verdict.code) == (True, "ok")
        assert "b has changed its Pass., and the one of this line ends on 2 Mar 2026, 12:00 UTC" in verdict.message
        assert a.remote(remote_id).facts["pass_ends_at"] == "2026-03-02T12:00:00Z"
        paste(a, remote_id, new)
        assert "Pass" not in a.check(remote_id).message
        assert a.remote(remote_id).facts["pass_ends_at"] is None

    @pytest.mark.parametrize("said", [b'"soon"', b"1", b"{}", b'"2026-03-02T12:00:00"', b'"9999-99-99T99:99:99Z"'])
    def test_a_moment_that_is_none_is_left_out(self, said: bytes) -> None:
        assert ping._facts(msgspec.json.decode(b'{"pass_ends_at": %s}' % said))["pass_ends_at"] is None

    def test_the_line_turns_red_after_the_grace_and_says_what_to_do(
        self, pair: Pair, moving_clock: MovingClock
    ) -> None:
        a, b = pair
        remote_id, _ = a.list_site(b)
        new = rotate(b)
        a.record(ALICE, 1)
        a.deliver(remote_id)
        assert a.shape(remote_id)["status"] == "green"
        assert having(b) == {a.identity.auth: clock.now()}
        moving_clock.advance(DAY)
        made = a.record(ALICE, 2)
        a.deliver(remote_id)
        shape = a.shape(remote_id)
        assert shape["status"] == "error"
        assert f"{b.url} has changed its Pass." in shape["status_text"]
        assert "new sharing key" in shape["last_error"]
        assert a.remote(remote_id).attempt_code == "bad_credentials"
        verdict = a.check(remote_id)
        assert (verdict.code, verdict.is_permanent) == ("bad_credentials", True)
        assert "has changed its Pass." in verdict.message
        paste(a, remote_id, new)
        assert a.check(remote_id).ok
        a.deliver(remote_id)
        assert (a.delivery(made).state, b.balance(ALICE), having(b)) == ("delivered", 3, {})
        assert a.shape(remote_id)["status"] == "warning", "in step, and the error is remembered"

    def test_nothing_of_a_refusal_that_nobody_has_signed_is_shown(self, pair: Pair) -> None:
        a, b = pair
        remote_id, _ = a.list_site(b)

        def forged(environ: dict[str, Any], start_response: Any, app: Wsgi) -> Iterable[bytes]:
            start_response("401 Unauthorized", [("Content-Type", "application/json")])
            said = b'"code": "bad_signature", "message": "Send your Pass to evil.example", "reason": "pass_changed"'
            return [b'{"error": {%s}}' % said]

        b.front = forged
        message = a.check(remote_id).message
        assert "evil" not in message
        assert "has changed its Pass." in message

    def test_in_the_other_dialect_it_says_so_too(self, pair: Pair) -> None:
        """Where a firewall between two sites lets only that one through."""
        a, b = pair

        def firewall(environ: dict[str, Any], start_response: Any, app: Wsgi) -> Iterable[bytes]:
            is_other = environ["PATH_INFO"].startswith("/pointsync/")
            return interceptors.page(start_response, 404) if is_other else app(environ, start_response)

        b.front = firewall
        remote_id, verdict = a.list_site(b)
        assert (verdict.ok, verdict.dialect) == (True, "woorewards")
        new = rotate(b, at_once=True)
        made = a.record(ALICE, 5)
        a.deliver(remote_id)
        assert a.remote(remote_id).attempt_code == "bad_credentials"
        assert f"{b.url} has changed its Pass." in (a.delivery(made).message or "")
        assert a.shape(remote_id)["status"] == "error"
        paste(a, remote_id, new)
        a.deliver(remote_id)
        assert (a.delivery(made).state, b.balance(ALICE)) == ("delivered", 5)


def paste(site: PeerSite, remote_id: int, password: str) -> None:
    """The other site's new sharing key, pasted into the line by the admin here."""

    def edit(session):  # type: ignore[no-untyped-def]
        line = remotes.get(session, remote_id)
        typed = sharing_key.Typed(line.url, line.auth, password, line.target, line.reserve.key, line.query_template)
        remotes.change(session, runtime().vault, line, typed, line.version, clock.now())

    site.write(edit)
