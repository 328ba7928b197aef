"""Requests from an earlier state of a site's database, or from a copy of it, are refused with the site's own stamp."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pointsync import clock
from pointsync.models import Origin
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, SignedCaller, make_movement
from tests.support.moving_clock import MovingClock

FIRST, SECOND, THIRD = (f"{first_call:016x}{digit * 16}" for first_call, digit in ((3, "a"), (6, "b"), (7, "c")))
"""The names of runs begin with their first call."""
MINUTE = timedelta(minutes=1)


@pytest.fixture
def caller(site: PeerSite) -> SignedCaller:
    """A caller whose key the site knows."""
    known = SignedCaller(site)
    key, now = known.public_key, clock.now()
    site.write(lambda session: session.add(Origin(auth=known.auth, public_key=key, first_seen_at=now)))
    return known


def ping(caller: SignedCaller, run: str, call: int, last_id: int = 0, **fields: Any) -> tuple[int, dict[str, Any]]:
    """Ping as that run; the status and the error, or the answer if there is none."""
    answer = caller.post("ping", caller.body(**caller.run_fields(run, call, last_id), **fields))
    return answer.status_code, answer.json.get("error", answer.json)


def assert_refused(outcome: tuple[int, dict[str, Any]], code: str, caller: SignedCaller, *shown: Any) -> None:
    """The refusal shows the caller's own stamp: run, call and last id."""
    status, error = outcome
    assert (status, error["code"]) == (409, code)
    stamp = error["stamp"]
    assert (stamp["run"], stamp["call"], stamp["last_id"]) == shown
    signed = f"{caller.auth}.{stamp['run']}.{stamp['call']}.{stamp['last_id']}".encode()
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(caller.public_key))
    key.verify(base64.b64decode(stamp["signature"]), signed)


def test_requests_of_the_current_run_are_accepted_in_any_order(site: PeerSite, caller: SignedCaller) -> None:
    for call, last_id in ((5, 50), (3, 30), (5, 50), (8, 80), (7, 70)):
        assert ping(caller, FIRST, call, last_id)[0] == 200
    origin = site.origin(caller.auth)
    assert (origin.run, origin.call, origin.last_id) == (FIRST, 8, 80)


def test_a_ping_shows_the_caller_its_latest_stamp(caller: SignedCaller) -> None:
    ping(caller, FIRST, 8, 80)
    shown = ping(caller, FIRST, 5, 50)[1]["stamp"]
    assert (shown["run"], shown["call"], shown["last_id"]) == (FIRST, 8, "80")
    assert shown["signature"] == caller.run_fields(FIRST, 8, 80)["stamp"]


def test_a_new_run_with_a_higher_call_replaces_the_current_one(site: PeerSite, caller: SignedCaller) -> None:
    ping(caller, FIRST, 5)
    assert ping(caller, SECOND, 6)[0] == 200
    origin = site.origin(caller.auth)
    assert (origin.run, origin.previous_run) == (SECOND, FIRST)


@pytest.mark.parametrize(("first_call", "call"), [(4, 4), (5, 5), (5, 6), (4, 2**62)])
def test_a_new_run_that_did_not_begin_with_a_higher_call_is_behind(
    caller: SignedCaller, first_call: int, call: int
) -> None:
    """However many calls it has made since: it may have sent to other sites."""
    ping(caller, FIRST, 5, 77)
    run = f"{first_call:016x}{'d' * 16}"
    assert_refused(ping(caller, run, call, 99), "behind", caller, FIRST, 5, "77")
    assert ping(caller, FIRST, 5, 77)[0] == 200


def test_what_is_refused_is_not_applied(site: PeerSite, caller: SignedCaller) -> None:
    ping(caller, FIRST, 5)
    body = caller.body(movements=[make_movement()], **caller.run_fields(f"{5:016x}{'d' * 16}", 5))
    assert caller.post("movements", body).status_code == 409
    assert site.balance(ALICE) is None


def test_a_late_packet_after_a_restart_changes_nothing(site: PeerSite, caller: SignedCaller) -> None:
    ping(caller, FIRST, 5)
    ping(caller, SECOND, 6)
    late = caller.body(movements=[make_movement()], **caller.run_fields(FIRST, 5, 9))
    for _ in range(3):
        answer = caller.post("movements", late)
        assert (answer.status_code, answer.json["error"]["code"]) == (409, "again")
    assert site.balance(ALICE) is None
    assert site.origin(caller.auth).run == SECOND
    assert ping(caller, SECOND, 6)[0] == 200


def test_the_run_before_proves_with_the_nonce_that_it_is_alive(site: PeerSite, caller: SignedCaller) -> None:
    """A copy of an idle site calls first; the site itself goes on, and the copy is refused from then on."""
    ping(caller, FIRST, 5)
    ping(caller, SECOND, 6)
    status, error = ping(caller, FIRST, 6)
    assert (status, error["code"]) == (409, "again")
    assert ping(caller, FIRST, 6, nonce="0" * 32)[1]["code"] == "again"
    assert ping(caller, FIRST, 6, 61, nonce=error["nonce"])[0] == 200
    for call in (6, 60):
        assert_refused(ping(caller, SECOND, call), "twice", caller, FIRST, 6, "61")
    assert ping(caller, FIRST, 7, 70)[0] == 200
    assert_refused(ping(caller, SECOND, 61), "twice", caller, FIRST, 7, "70")
    assert site.origin(caller.auth).run == FIRST


def test_a_nonce_is_worth_nothing_after_another_restart(caller: SignedCaller) -> None:
    ping(caller, FIRST, 5)
    ping(caller, SECOND, 6)
    nonce = ping(caller, FIRST, 6)[1]["nonce"]
    assert ping(caller, FIRST, 6, nonce=nonce)[0] == 200
    assert ping(caller, THIRD, 7)[0] == 200
    status, error = ping(caller, FIRST, 6, nonce=nonce)
    assert (status, error["code"]) == (409, "again")
    assert error["nonce"] != nonce


def test_the_run_before_cannot_use_a_nonce_that_nobody_has_given(site: PeerSite, caller: SignedCaller) -> None:
    ping(caller, FIRST, 5)
    ping(caller, SECOND, 6)
    for nonce in (None, "", [], 0):
        assert ping(caller, FIRST, 5, nonce=nonce)[1]["code"] == "again"
    assert site.origin(caller.auth).run == SECOND


def test_after_ten_minutes_the_run_before_is_behind(caller: SignedCaller, moving_clock: MovingClock) -> None:
    ping(caller, FIRST, 5)
    ping(caller, SECOND, 6)
    moving_clock.advance(10 * MINUTE - timedelta(seconds=1))
    assert ping(caller, FIRST, 6)[1]["code"] == "again"
    moving_clock.advance(timedelta(seconds=1))
    assert_refused(ping(caller, FIRST, 6), "behind", caller, SECOND, 6, "0")


def test_after_ten_minutes_a_higher_call_proves_that_the_run_before_is_alive(
    caller: SignedCaller, moving_clock: MovingClock
) -> None:
    """No packet is accepted that late. The site was cut off for a while, and a copy of it has called meanwhile."""
    ping(caller, FIRST, 5)
    ping(caller, SECOND, 6)
    moving_clock.advance(11 * MINUTE)
    assert ping(caller, FIRST, 500)[0] == 200
    assert_refused(ping(caller, SECOND, 7), "twice", caller, FIRST, 500, "0")


def test_a_clock_that_was_set_back_does_not_end_the_time_for_a_proof(
    caller: SignedCaller, moving_clock: MovingClock
) -> None:
    ping(caller, FIRST, 5)
    ping(caller, SECOND, 6)
    moving_clock.advance(-60 * MINUTE)
    assert ping(caller, FIRST, 6)[1]["code"] == "again"


def test_a_request_without_a_run_is_accepted_until_one_had_a_run(caller: SignedCaller) -> None:
    """A site of an earlier version sends none; a stopped site asks without one."""
    assert caller.ping().status_code == 200
    ping(caller, FIRST, 5, 50)
    answer = caller.ping()
    assert_refused((answer.status_code, answer.json["error"]), "behind", caller, FIRST, 5, "50")


def test_an_unknown_key_reads_and_changes_nothing(site: PeerSite) -> None:
    stranger = SignedCaller(site)
    for run, call in ((SECOND, 6), (FIRST, 3)):
        assert ping(stranger, run, call)[0] == 200
    origin = site.origin(stranger.auth)
    assert (origin.run, origin.call, origin.stamp) == (None, 0, None)


def test_another_key_cannot_change_the_runs_of_a_known_origin(site: PeerSite, caller: SignedCaller) -> None:
    ping(caller, FIRST, 5)
    impostor = SignedCaller(site)
    impostor.auth = caller.auth
    status, error = ping(impostor, SECOND, 6)
    assert (status, error["code"]) == (401, "key_mismatch")
    assert site.origin(caller.auth).run == FIRST


WRONG_FIELDS: list[dict[str, Any]] = [
    *({"call": call} for call in (5, 2**62 + 1, 2**63, 10**30, -1, 1.0, "1", True, None, [1])),
    *({"run": run} for run in ("", "0" * 31, "0" * 33, "G" * 32, "000000000000000A" * 2, "f" * 32, 1, ["0" * 32])),
    *({"last_id": last_id} for last_id in (5, "-1", "01", "", str(2**63), "9" * 5000, None)),
    *({"stamp": stamp} for stamp in ("", "!", "AAAA", None, 7, "A" * 88, "A" * 5000)),
]


@pytest.mark.parametrize("wrong", WRONG_FIELDS, ids=lambda wrong: str(wrong)[:40])
def test_malformed_fields_are_refused(site: PeerSite, caller: SignedCaller, wrong: dict[str, Any]) -> None:
    ping(caller, FIRST, 5)
    before = site.origin(caller.auth)
    values = {"run": SECOND, "call": 6, "last_id": 60} | wrong
    signed = caller.run_fields(values["run"], values["call"], values["last_id"])
    answer = caller.post("ping", caller.body(**signed | wrong))
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "malformed")
    after = site.origin(caller.auth)
    assert (after.run, after.call, after.previous_run) == (before.run, before.call, before.previous_run)


def test_the_highest_call_is_accepted(caller: SignedCaller) -> None:
    assert ping(caller, FIRST, 2**62, 2**63 - 1)[0] == 200
    assert ping(caller, f"{2**62:016x}{'d' * 16}", 2**62)[1]["code"] == "behind"


def test_a_stamp_of_another_key_is_refused(caller: SignedCaller) -> None:
    other = Ed25519PrivateKey.generate().sign(f"{caller.auth}.{FIRST}.5.0".encode())
    fields = caller.run_fields(FIRST, 5) | {"stamp": base64.b64encode(other).decode()}
    answer = caller.post("ping", caller.body(**fields))
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "malformed")
