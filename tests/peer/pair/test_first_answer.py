"""The first answer of a site must prove that it knows the Pass: before that, nothing is pinned and nothing is sent."""

import pytest

from pointsync import clock
from pointsync.crypto import format_fingerprint
from pointsync.ids import new_pass
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import check, pinned_key, remotes, sharing_key
from pointsync.sync.remotes.pinned_key import KeyFingerprints
from pointsync.sync.site import passes
from tests.peer import interceptors
from tests.peer.impostor import Impostor, remove_pass_proof, send_back
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE

Pair = tuple[PeerSite, PeerSite]
PING = "/pointsync/v1/ping"


def read_keys(site: PeerSite, remote_id: int) -> KeyFingerprints:
    return site.read(lambda session: pinned_key.read(session, remotes.get(session, remote_id)))


def accept_key(site: PeerSite, remote_id: int) -> None:
    site.write(lambda session: pinned_key.accept(session, remotes.get(session, remote_id), None, clock.now()))


def refuse_key(site: PeerSite, remote_id: int) -> None:
    site.write(lambda session: pinned_key.refuse(session, remotes.get(session, remote_id), None, clock.now()))


@pytest.mark.parametrize("passwords", [(), (new_pass(),)], ids=["no v1", "another Pass"])
def test_an_impostor_at_a_mistyped_url_is_not_pinned_and_gets_no_movement(
    pair: Pair, passwords: tuple[str, ...]
) -> None:
    """It answers every ping in the site's name, signed with its own key, but it does not know the Pass."""
    a, b = pair
    impostor = b.interceptor = Impostor(b.identity.auth, passwords)
    remote_id, result = a.list_site(b)
    assert (result.is_ok, result.code, result.is_permanent) == (False, "unproven_key", True)
    assert "does not prove that it knows the Pass" in result.message
    a.record(ALICE, 5)
    a.deliver(remote_id)
    a.retry(remote_id)
    a.deliver(remote_id)
    assert set(impostor.calls) == {PING}
    assert all(ALICE not in str(body) for body in impostor.bodies)
    remote = a.remote(remote_id)
    assert (remote.dialect, remote.name, remote.facts, remote.status) == (None, None, {}, "error")
    origin = a.origin(b.identity.auth)
    assert (origin.public_key, origin.is_key_proven) == (None, False)  # type: ignore[union-attr]
    assert read_keys(a, remote_id) == KeyFingerprints(None, format_fingerprint(impostor.public_key), None)


def test_the_real_site_is_pinned_without_a_question_when_it_answers(pair: Pair) -> None:
    a, b = pair
    impostor = b.interceptor = Impostor(b.identity.auth)
    remote_id, _ = a.list_site(b)
    a.record(ALICE, 5)
    b.interceptor = None
    assert a.check(remote_id).is_ok
    a.deliver(remote_id)
    assert b.balance(ALICE) == 5
    assert read_keys(a, remote_id) == KeyFingerprints(format_fingerprint(b.identity.public_key), None, None)
    b.interceptor = impostor
    assert a.check(remote_id).code == "changed_key"


def test_a_proof_for_another_request_does_not_count(pair: Pair) -> None:
    a, b = pair
    impostor = b.interceptor = Impostor(b.identity.auth, b.identity.passes)
    impostor.message_id = "msg_1"
    assert a.list_site(b)[1].code == "bad_answer"


@pytest.mark.parametrize("is_pinned", [True, False], ids=["pinned", "not pinned"])
def test_a_request_that_is_sent_back_proves_nothing(pair: Pair, is_pinned: bool) -> None:
    """It is signed with the Pass and with our own key, and it names that key."""
    a, b = pair
    b.interceptor = None if is_pinned else send_back
    remote_id, _ = a.list_site(b)
    b.interceptor = send_back
    result = a.check(remote_id)
    assert (result.is_ok, result.code) == (False, "this_site")
    assert read_keys(a, remote_id).offered is None
    assert (read_keys(a, remote_id).pinned is not None) == is_pinned


def test_the_old_pass_is_proven_during_a_rotation(pair: Pair) -> None:
    a, b = pair
    old = b.identity.passes[0]
    b.write(lambda session: passes.rotate(session, get_runtime().vault, clock.now()))
    _, result = a.add_remote(b.url, b.identity.auth, old)
    assert (result.is_ok, result.is_key_proven) == (True, True)
    assert a.origin(b.identity.auth).is_key_proven  # type: ignore[union-attr]


def test_a_site_without_the_reserve_is_pinned_too(pair: Pair) -> None:
    """The key belongs to the site, whatever it answers about a reserve."""
    a, b = pair
    remote_id, result = a.list_site(b, "gold")
    assert result.code == "unknown_reserve"
    assert read_keys(a, remote_id).pinned == format_fingerprint(b.identity.public_key)


def test_an_impostor_without_the_reserve_is_sent_nothing(pair: Pair) -> None:
    a, b = pair
    impostor = b.interceptor = Impostor(b.identity.auth)
    impostor.reserve = None
    remote_id, result = a.list_site(b)
    assert result.code == "unproven_key"
    a.record(ALICE, 5)
    a.retry(remote_id)
    a.deliver(remote_id)
    assert set(impostor.calls) == {PING}


def test_a_pinned_site_needs_no_proof(pair: Pair) -> None:
    """A site of version 0.1.0 whose key was pinned before this version."""
    a, b = pair
    remote_id, result = a.list_site(b)
    assert "does not prove" not in result.message
    b.interceptor = remove_pass_proof
    result = a.check(remote_id)
    assert (result.is_ok, result.code) == (True, "ok")
    assert "does not prove that it knows the Pass, as PointSync 0.1.0 cannot" in result.message
    a.record(ALICE, 5)
    a.deliver(remote_id)
    assert b.balance(ALICE) == 5


def test_the_key_of_a_site_of_version_0_1_0_is_accepted_by_an_admin(pair: Pair) -> None:
    a, b = pair
    b.interceptor = remove_pass_proof
    remote_id, result = a.list_site(b)
    assert result.code == "unproven_key"
    movement_id = a.record(ALICE, 5)
    a.deliver(remote_id)
    assert b.movements() == []
    fingerprint = format_fingerprint(b.identity.public_key)
    assert read_keys(a, remote_id) == KeyFingerprints(None, fingerprint, None)
    accept_key(a, remote_id)
    assert a.check(remote_id).is_ok
    a.deliver(remote_id)
    assert (a.delivery(movement_id).state, b.balance(ALICE)) == ("delivered", 5)
    assert read_keys(a, remote_id) == KeyFingerprints(fingerprint, None, None)


def test_it_is_pinned_without_a_decision_once_it_is_upgraded(pair: Pair) -> None:
    a, b = pair
    b.interceptor = remove_pass_proof
    remote_id, _ = a.list_site(b)
    b.interceptor = None
    assert a.check(remote_id).is_ok
    assert read_keys(a, remote_id) == KeyFingerprints(format_fingerprint(b.identity.public_key), None, None)


def test_a_refused_key_stays_refused_even_with_a_proof(pair: Pair) -> None:
    """Every site of the family knows the Pass, and the admin has seen a wrong fingerprint."""
    a, b = pair
    b.interceptor = remove_pass_proof
    remote_id, _ = a.list_site(b)
    refuse_key(a, remote_id)
    for interceptor in (remove_pass_proof, None):
        b.interceptor = interceptor
        result = a.check(remote_id)
        assert (result.code, "has refused the key" in result.message) == ("unproven_key", True)
        assert read_keys(a, remote_id).refused_at == clock.now()
    accept_key(a, remote_id)
    assert a.check(remote_id).is_ok


def test_a_preview_is_no_exception(pair: Pair) -> None:
    a, b = pair
    b.interceptor = Impostor(b.identity.auth)
    entered = sharing_key.parse(
        sharing_key=None,
        url=b.url,
        auth=b.identity.auth,
        password=b.identity.passes[0],
        target_reserve="default",
        observed_reserve="default",
        query_template=None,
    )
    with a.app.app_context():
        result = check.preview_remote(entered)
    assert (result.code, result.facts) == ("unproven_key", {})
    assert a.origin(b.identity.auth) is None


def test_a_wrong_answer_without_any_signature_does_not_ask_for_a_decision(pair: Pair) -> None:
    a, b = pair
    b.interceptor = Impostor(b.identity.auth, signs=False)
    remote_id, result = a.list_site(b)
    assert (result.code, read_keys(a, remote_id).offered) == ("bad_answer", None)
    b.interceptor = interceptors.answer_with(404)
    assert a.check(remote_id).code == "not_a_site"
