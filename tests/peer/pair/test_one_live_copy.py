"""A site whose database was set back or copied sends nothing; only its own stamp can stop it for all remotes."""

import io
import json
import shutil
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from pointsync import clock, crypto
from pointsync.ledger import received_summary
from pointsync.models import Remote, Site
from pointsync.schedule import recovery_ticks, remote_ticks
from pointsync.sync.remotes import remotes
from pointsync.sync.site import stamps
from tests.peer.interceptors import Interceptor, answer_with, batch_count
from tests.peer.peer_site import PeerSite, Wsgi
from tests.peer.signed_caller import ALICE
from tests.support.moving_clock import MovingClock

MakeSite = Callable[[str], PeerSite]
Pair = tuple[PeerSite, PeerSite]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def listed(pair: Pair) -> tuple[PeerSite, PeerSite, int]:
    """Two sites, and the remote of the first one for the second, to which it has sent in its first run."""
    a, b = pair
    a.begin_run()
    remote_id, _ = a.list_site(b)
    b.list_site(a)  # which pins the key
    a.check(remote_id)
    a.record(ALICE, 1)
    a.deliver(remote_id)
    assert b.balance(ALICE) == 1
    return a, b, remote_id


def site_row(site: PeerSite) -> Site:
    return site.read(lambda session: session.get_one(Site, 1))


def make_copy(original: PeerSite, make_site: MakeSite, tmp_path: Path) -> PeerSite:
    """Another installation of a site, with its database as it is now, in its first run."""
    (tmp_path / "copy").mkdir()
    shutil.copy(original.folder / "secret_key", tmp_path / "copy" / "secret_key")
    copy = make_site("copy")
    original.backup(tmp_path / "copied")
    copy.restore(tmp_path / "copied")
    copy.begin_run()
    return copy


def capture(requests: list[tuple[str, bytes, dict[str, str]]]) -> Interceptor:
    """Keep the path, body and headers of each request, and let the application answer."""

    def intercept(environ: dict[str, Any], start_response: Any, app: Wsgi) -> Iterable[bytes]:
        raw = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(raw)
        headers = {
            name: environ[f"HTTP_{name.replace('-', '_').upper()}"]
            for name in ("pointsync-auth", "webhook-id", "webhook-timestamp", "webhook-signature")
        }
        if encoding := environ.get("HTTP_CONTENT_ENCODING"):
            headers["content-encoding"] = encoding
        requests.append((environ["PATH_INFO"], raw, headers))
        return app(environ, start_response)

    return intercept


def refuse_with(code: str, **fields: Any) -> Interceptor:
    """Answer every call with 409 and this error, as a lying site does, or somebody between two sites."""

    def intercept(environ: dict[str, Any], start_response: Any, _app: Wsgi) -> Iterable[bytes]:
        environ["wsgi.input"].read()
        start_response("409 Conflict", [("Content-Type", "application/json")])
        return [json.dumps({"error": {"code": code, "message": "An error.", **fields}}).encode()]

    return intercept


def test_nothing_is_sent_before_every_remote_was_asked(pair: Pair, make_site: MakeSite) -> None:
    a, b = pair
    c = make_site("c")  # it does not listen
    to_b, _ = a.list_site(b)
    to_c, _ = a.list_site(c)
    a.begin_run()
    a.record(ALICE, 1)
    a.deliver(to_b)
    assert (a.is_due(to_b), batch_count(b)) == (False, 0)
    a.check(to_b)
    a.deliver(to_b)
    assert (a.is_due(to_b), batch_count(b)) == (False, 0)
    assert not a.check(to_c).is_ok
    assert a.is_due(to_b)
    a.deliver(to_b)
    assert b.balance(ALICE) == 1


def run_tick(site: PeerSite, tick: Callable[[], None]) -> None:
    """Do a job of the site's scheduler once."""
    with site.app.app_context():
        tick()


def test_the_job_asks_all_remotes_once_in_each_run(pair: Pair, make_site: MakeSite) -> None:
    a, b = pair
    to_b, _ = a.list_site(b)
    a.list_site(make_site("c"))  # it does not listen
    a.begin_run()
    a.record(ALICE, 1)
    run_tick(a, remote_ticks.ask_remotes)
    a.deliver(to_b)
    assert b.balance(ALICE) == 1
    count = len(b.requests)
    run_tick(a, remote_ticks.ask_remotes)
    assert len(b.requests) == count


def test_a_fault_with_one_remote_keeps_no_other_one_waiting(pair: Pair, make_site: MakeSite) -> None:
    a, b = pair
    to_b, _ = a.list_site(b)
    to_c, _ = a.list_site(make_site("c"))
    a.write(lambda session: session.execute(update(Remote).where(Remote.id == to_c).values(sealed_pass="unreadable")))
    a.begin_run()
    a.record(ALICE, 1)
    run_tick(a, remote_ticks.ask_remotes)
    a.deliver(to_b)
    assert b.balance(ALICE) == 1


def test_while_sending_is_stopped_the_jobs_ask_remotes_that_have_refused(
    listed: tuple[PeerSite, PeerSite, int], tmp_path: Path, moving_clock: MovingClock
) -> None:
    """So that the admin's answer begins a run above everything that they hear meanwhile."""
    a, b, to_b = listed
    a.backup(tmp_path / "earlier")
    a.record(ALICE, 2)
    a.deliver(to_b)
    a.restore(tmp_path / "earlier")
    a.begin_run()
    run_tick(a, remote_ticks.ask_remotes)
    assert a.remote(to_b).is_probing
    for _ in range(2):
        moving_clock.advance(MINUTE)
        count = len(b.requests)
        run_tick(a, remote_ticks.ask_remotes)
        run_tick(a, remote_ticks.check_remotes)
        assert len(b.requests) == count + 1


@pytest.mark.parametrize("state", ["paused", "blocked", "deleted", "WooRewards"])
def test_a_remote_that_is_not_called_or_knows_no_runs_is_not_waited_for(
    pair: Pair, make_site: MakeSite, state: str
) -> None:
    a, b = pair
    to_b, _ = a.list_site(b)
    to_c, _ = a.list_site(make_site("c"))
    values = {
        "paused": {"paused_at": clock.now()},
        "deleted": {"deleted_at": clock.now()},
        "WooRewards": {"dialect": "woorewards"},
    }
    if state == "blocked":
        a.block(a.remote(to_c).auth)
    else:
        a.write(lambda session: session.execute(update(Remote).where(Remote.id == to_c).values(values[state])))
    a.begin_run()
    a.record(ALICE, 1)
    a.check(to_b)
    a.deliver(to_b)
    assert b.balance(ALICE) == 1


def test_a_remote_that_is_added_or_resumed_keeps_no_other_one_waiting(
    listed: tuple[PeerSite, PeerSite, int], make_site: MakeSite
) -> None:
    a, _, to_b = listed
    to_c, _ = a.list_site(make_site("c"))
    a.record(ALICE, 2)
    assert a.is_due(to_b)
    a.write(lambda session: remotes.pause(session, remotes.get(session, to_c), clock.now()))
    a.begin_run()
    a.check(to_b)
    a.write(lambda session: remotes.resume(session, remotes.get(session, to_c)))
    assert a.is_due(to_b)


def test_a_database_that_was_set_back_sends_nothing(
    listed: tuple[PeerSite, PeerSite, int], tmp_path: Path, moving_clock: MovingClock
) -> None:
    a, b, to_b = listed
    a.backup(tmp_path / "yesterday")
    lost_ids = []
    for points in (2, 3, 4):
        lost_ids.append(a.record(ALICE, points))
        a.deliver(to_b)
    a.restore(tmp_path / "yesterday")
    a.begin_run()
    count = len(b.movements())
    movement_id = a.record(ALICE, 100)
    a.deliver(to_b)
    assert a.check(to_b).code == "behind"
    assert "set back to an earlier state" in (a.identity.sending_stopped_reason or "")
    moving_clock.advance(MINUTE)
    a.deliver(to_b)
    assert (len(b.movements()), a.delivery(movement_id).state) == (count, "pending")
    assert site_row(a).call == b.origin(a.identity.auth).call
    assert site_row(a).last_id >= max(map(int, lost_ids))

    a.confirm("restored")
    assert not a.is_due(to_b), "the remotes are asked first"
    assert a.check(to_b).is_ok
    assert not a.is_due(to_b), "lost movements come back first"
    with a.app.app_context():
        recovery_ticks.fetch_back()
    assert {each.id for each in a.movements()} >= set(lost_ids)
    a.deliver(to_b)
    assert a.delivery(movement_id).state == "delivered"
    assert a.balances() == b.balances()
    assert int(a.record(ALICE, 1)) > max(map(int, lost_ids))
    assert a.identity.sending_stopped_reason is None


def test_a_stopped_site_asks_without_changing_anything_there(
    listed: tuple[PeerSite, PeerSite, int], tmp_path: Path
) -> None:
    a, b, to_b = listed
    a.write(lambda session: session.execute(update(Site).values(hold="Is it a copy?")))
    before = b.origin(a.identity.auth)
    a.begin_run()
    answer = a.check(to_b)
    assert (answer.code, answer.message) == (
        "behind",
        f"{b.url} waits until an admin has said here what this database is.",
    )
    after = b.origin(a.identity.auth)
    assert (after.run, after.call, after.previous_run) == (before.run, before.call, before.previous_run)
    assert a.identity.sending_stopped_reason == "Is it a copy?"
    assert a.remote(to_b).last_failure_at is None
    a.confirm("moved")
    a.check(to_b)
    assert a.remote_json(to_b)["status"] == "green", "it did not fail, so it is no warning for a week"


def test_a_batch_to_a_remote_that_was_not_asked_is_refused_as_a_whole(
    listed: tuple[PeerSite, PeerSite, int], tmp_path: Path
) -> None:
    """The remote was paused at the start, and is resumed: the first batch finds out."""
    a, b, to_b = listed
    a.backup(tmp_path / "yesterday")
    a.record(ALICE, 2)
    a.deliver(to_b)
    a.restore(tmp_path / "yesterday")
    a.write(lambda session: remotes.pause(session, remotes.get(session, to_b), clock.now()))
    a.begin_run()
    a.write(lambda session: remotes.resume(session, remotes.get(session, to_b)))
    count = len(b.movements())
    movement_id = a.record(ALICE, 100)
    a.deliver(to_b)
    assert "set back to an earlier state" in (a.identity.sending_stopped_reason or "")
    assert (len(b.movements()), a.delivery(movement_id).state) == (count, "pending")


def test_a_database_that_was_set_back_within_its_run_is_found_by_a_ping(
    listed: tuple[PeerSite, PeerSite, int], tmp_path: Path
) -> None:
    a, _, to_b = listed
    a.backup(tmp_path / "earlier")
    a.record(ALICE, 2)
    a.deliver(to_b)
    a.restore(tmp_path / "earlier")
    assert a.check(to_b).is_ok
    assert "what this database does not have" in (a.identity.sending_stopped_reason or "")


def test_a_copy_beside_an_idle_site_is_refused_once_the_site_has_called(
    listed: tuple[PeerSite, PeerSite, int], make_site: MakeSite, tmp_path: Path
) -> None:
    a, b, to_b = listed
    copy = make_copy(a, make_site, tmp_path)
    assert copy.check(to_b).is_ok
    assert b.origin(a.identity.auth).run == copy.identity.run != a.identity.run
    assert a.check(to_b).is_ok
    assert b.origin(a.identity.auth).run == a.identity.run
    movement_id = copy.record(ALICE, 100)
    copy.deliver(to_b)
    assert "another running installation" in (copy.identity.sending_stopped_reason or "")
    assert copy.delivery(movement_id).state == "pending"
    a.record(ALICE, 2)
    a.deliver(to_b)
    assert (a.identity.sending_stopped_reason, b.balance(ALICE)) == (None, 3)


def test_a_batch_proves_that_the_site_is_alive_too(
    listed: tuple[PeerSite, PeerSite, int], make_site: MakeSite, tmp_path: Path
) -> None:
    a, b, to_b = listed
    copy = make_copy(a, make_site, tmp_path)
    copy.check(to_b)
    movement_id = a.record(ALICE, 2)
    a.deliver(to_b)
    assert (a.delivery(movement_id).state, b.balance(ALICE)) == ("delivered", 3)
    assert copy.check(to_b).code == "twice"


def test_a_copy_beside_a_busy_site_is_behind(
    listed: tuple[PeerSite, PeerSite, int], make_site: MakeSite, tmp_path: Path
) -> None:
    a, b, to_b = listed
    copy = make_copy(a, make_site, tmp_path)
    a.record(ALICE, 2)
    a.deliver(to_b)
    assert copy.check(to_b).code == "behind"
    assert copy.identity.sending_stopped_reason
    assert a.check(to_b).is_ok
    assert b.origin(a.identity.auth).previous_run is None


def test_a_late_packet_after_a_restart_changes_nothing(listed: tuple[PeerSite, PeerSite, int]) -> None:
    a, b, to_b = listed
    requests: list[tuple[str, bytes, dict[str, str]]] = []
    b.interceptor = capture(requests)
    a.check(to_b)
    a.record(ALICE, 2)
    a.deliver(to_b)
    b.interceptor = None
    a.begin_run()
    a.check(to_b)
    before = b.dump()
    for path, raw, headers in requests:
        answer = b.app.test_client().post(path, data=raw, headers=headers)
        assert (answer.status_code, answer.json["error"]["code"]) == (409, "again")
    assert b.dump() == before
    assert b.origin(a.identity.auth).run == a.identity.run
    a.record(ALICE, 3)
    a.deliver(to_b)
    assert (a.identity.sending_stopped_reason, b.balance(ALICE)) == (None, 6)


def test_a_call_from_before_a_new_run_is_repeated_in_that_run(
    listed: tuple[PeerSite, PeerSite, int], tmp_path: Path
) -> None:
    """An admin confirms while a call is on its way: it must not prove that the old run is still alive."""
    a, b, to_b = listed
    seen: list[str] = []

    def begin_meanwhile(environ: dict[str, Any], start_response: Any, app: Wsgi) -> Iterable[bytes]:
        if not seen:
            seen.append(a.identity.run or "")
            a.begin_run()
            b.interceptor = None
            assert a.check(to_b).is_ok
        return app(environ, start_response)

    movement_id = a.record(ALICE, 2)
    b.interceptor = begin_meanwhile
    a.deliver(to_b)
    assert (a.delivery(movement_id).state, b.balance(ALICE)) == ("delivered", 3)
    origin = b.origin(a.identity.auth)
    assert (origin.run, origin.previous_run) == (a.identity.run, seen[0])
    assert a.check(to_b).is_ok
    assert a.identity.sending_stopped_reason is None


def _kept_stamp(site: PeerSite, other: PeerSite) -> dict[str, Any]:
    """What a member has kept of a site's earlier run."""
    origin = other.origin(site.identity.auth)
    return stamps.Stamp(origin.run, origin.call, origin.last_id, origin.stamp).to_json()


@pytest.mark.parametrize("code", ["behind", "twice"])
@pytest.mark.parametrize("shown", ["nothing", "garbage", "another key", "an old stamp", "the current stamp"])
def test_a_lying_member_or_a_stranger_stops_only_what_is_sent_to_it(
    listed: tuple[PeerSite, PeerSite, int], make_site: MakeSite, code: str, shown: str
) -> None:
    """Errors are not signed, so this is also what somebody between two sites can do."""
    a, b, to_b = listed
    with make_site("c") as c:
        to_c, _ = a.list_site(c)
        old_stamp = _kept_stamp(a, b)
        a.begin_run()
        a.check(to_b)
        a.check(to_c)
        private_key, _ = crypto.new_signing_key()
        run = a.identity.run or ""
        fields: dict[str, Any] = {
            "nothing": {},
            "garbage": {"stamp": {"run": 7, "call": [], "last_id": None}},
            "another key": {"stamp": stamps.make(a.identity.auth, private_key, "0" * 32, 9**9, 0).to_json()},
            "an old stamp": {"stamp": old_stamp},
            "the current stamp": {"stamp": _kept_stamp(a, b)},
        }[shown]
        b.interceptor = refuse_with(code, **fields)
        a.record(ALICE, 2)
        a.deliver(to_b)
        assert a.remote(to_b).attempt_code == code
        assert not a.check(to_b).is_ok
        assert a.remote_json(to_b)["status"] == "error"
        assert (a.identity.sending_stopped_reason, a.identity.run) == (None, run)
        a.deliver(to_c)
        assert c.balance(ALICE) == 2
        b.interceptor = None
        assert a.check(to_b).is_ok
        a.deliver(to_b)
        assert b.balance(ALICE) == 3


def test_a_member_that_always_asks_again_is_asked_twice(listed: tuple[PeerSite, PeerSite, int]) -> None:
    a, b, to_b = listed
    for nonce in ("0" * 32, "", None, 7, "x" * 5000):
        b.interceptor = refuse_with("again", nonce=nonce)
        count = len(b.requests)
        assert a.check(to_b).code == "again"
        assert len(b.requests) == count + 2
    assert a.identity.sending_stopped_reason is None
    b.interceptor = None
    assert a.check(to_b).is_ok


def test_an_invented_have_stops_nothing_and_uses_up_no_ids(
    listed: tuple[PeerSite, PeerSite, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, _, to_b = listed
    last_id = int(a.record(ALICE, 1))
    for max_id in (2**63 - 1, 2**62):
        have = {"count": 10**6, "max_id": str(max_id)}
        monkeypatch.setattr(received_summary, "get_have", lambda *_, have=have: have)
        a.check(to_b)
        a.deliver(to_b)
        assert a.identity.sending_stopped_reason is None
    assert last_id < int(a.record(ALICE, 1)) < last_id + 2**40


def test_a_page_of_a_firewall_is_no_refusal(listed: tuple[PeerSite, PeerSite, int]) -> None:
    a, b, to_b = listed
    b.interceptor = answer_with(409)
    assert a.check(to_b).code == "not_a_site"
    assert a.identity.sending_stopped_reason is None
