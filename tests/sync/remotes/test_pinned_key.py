"""A site that answers with a new key: offered, accepted, refused, or withdrawn."""

import pytest

from pointsync import db
from pointsync.crypto import format_fingerprint, new_signing_key
from pointsync.errors import Conflict
from pointsync.models import Origin, Remote
from pointsync.sync.protocol.ping import PingResult
from pointsync.sync.remotes import pinned_key, remotes
from pointsync.sync.remotes.pinned_key import KeyFingerprints
from tests.support.apps import ALSO_POSTGRES
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import AUTH, OTHER_AUTH, add_remote, get_remote

pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.parametrize("app", ALSO_POSTGRES, indirect=True)]

FIRST, NEW, OTHER = (new_signing_key()[1] for _ in range(3))
FINE = PingResult(True, "ok", "Fine.", dialect="pointsync", signing_key=FIRST, is_key_proven=True)
WOOREWARDS_FINE = PingResult(True, "ok", "Fine.", dialect="woorewards")


def changed_key_result(key: str = NEW) -> PingResult:
    """A ping that was answered with another key."""
    return PingResult(False, "changed_key", "Another key.", is_permanent=True, offered_key=key)


def unproven_result(key: str = NEW) -> PingResult:
    """A ping that was answered without a proof of the Pass."""
    return PingResult(False, "unproven_key", "Not proven.", is_permanent=True, offered_key=key)


def save_called_key(key: str | None) -> None:
    """Save the key of a first request."""
    with db.transaction() as session:
        session.get_one(Origin, AUTH).set_key(key, is_proven=False)


def save_results(*results: PingResult, auth: str = AUTH) -> None:
    """Save these ping results one after the other."""
    with db.transaction() as session:
        for result in results:
            pinned_key.save_keys(session.get_one(Origin, auth), result)


def read_keys(remote_id: int) -> KeyFingerprints:
    with db.transaction() as session:
        return pinned_key.read(session, remotes.get(session, remote_id))


def decide_on_key(decide, remote_id: int, fingerprint: str | None = None) -> None:
    """Accept or refuse the offered key."""
    with db.transaction() as session:
        decide(session, remotes.get(session, remote_id), fingerprint, NOW)


def test_the_first_proven_answer_pins_its_key_and_another_key_is_only_offered():
    remote_id = add_remote()
    assert read_keys(remote_id) == KeyFingerprints(None, None, None)
    save_results(unproven_result(OTHER))
    assert read_keys(remote_id) == KeyFingerprints(None, format_fingerprint(OTHER), None)
    save_results(FINE)
    assert read_keys(remote_id) == KeyFingerprints(format_fingerprint(FIRST), None, None)
    save_results(changed_key_result())
    assert read_keys(remote_id) == KeyFingerprints(format_fingerprint(FIRST), format_fingerprint(NEW), None)
    with db.transaction() as session:
        assert session.get_one(Origin, AUTH).public_key == FIRST
        assert pinned_key.list_undecided(session) == {AUTH: None}


def test_the_offered_key_is_kept_until_the_pinned_key_answers():
    remote_id = add_remote()
    save_results(
        FINE, changed_key_result(), PingResult(False, "timeout", "Silent."), PingResult(False, "bad_credentials", "No.")
    )
    assert read_keys(remote_id).offered == format_fingerprint(NEW)
    save_results(PingResult(False, "unknown_reserve", "There is none.", signing_key=FIRST))
    assert read_keys(remote_id) == KeyFingerprints(format_fingerprint(FIRST), None, None)


@pytest.mark.usefixtures("gold")
def test_an_accepted_key_is_pinned_for_every_remote_of_that_site():
    first, second = add_remote(), add_remote(target_reserve="gold", observed_reserve="gold")
    other_site = add_remote(OTHER_AUTH)
    save_results(FINE, changed_key_result())
    with db.transaction() as session:
        for row in session.query(Remote):
            row.is_probing, row.next_attempt_at = True, NOW
    decide_on_key(pinned_key.accept, first, format_fingerprint(NEW))
    assert read_keys(first) == read_keys(second) == KeyFingerprints(format_fingerprint(NEW), None, None)
    with db.transaction() as session:
        rows = {row.id: (row.is_probing, row.version) for row in session.query(Remote)}
    assert rows == {first: (False, 2), second: (False, 2), other_site: (True, 1)}


def test_after_a_refusal_the_pinned_key_stays_and_the_refusal_is_kept():
    remote_id = add_remote()
    save_results(FINE, changed_key_result())
    decide_on_key(pinned_key.refuse, remote_id, format_fingerprint(NEW))
    save_results(changed_key_result())
    assert read_keys(remote_id) == KeyFingerprints(format_fingerprint(FIRST), format_fingerprint(NEW), NOW)
    with db.transaction() as session:
        assert pinned_key.list_undecided(session) == {AUTH: NOW}
        assert session.get_one(Origin, AUTH).public_key == FIRST


def test_a_refused_key_can_still_be_accepted():
    remote_id = add_remote()
    save_results(FINE, changed_key_result())
    decide_on_key(pinned_key.refuse, remote_id)
    decide_on_key(pinned_key.accept, remote_id)
    assert read_keys(remote_id) == KeyFingerprints(format_fingerprint(NEW), None, None)


def test_a_third_key_needs_a_new_decision():
    remote_id = add_remote()
    save_results(FINE, changed_key_result())
    decide_on_key(pinned_key.refuse, remote_id)
    save_results(changed_key_result(OTHER))
    assert read_keys(remote_id) == KeyFingerprints(format_fingerprint(FIRST), format_fingerprint(OTHER), None)


@pytest.mark.parametrize("decide", [pinned_key.accept, pinned_key.refuse])
def test_the_decision_is_only_about_the_key_shown(decide):
    remote_id = add_remote()
    save_results(FINE, changed_key_result(OTHER))
    with pytest.raises(Conflict) as refusal:
        decide_on_key(decide, remote_id, format_fingerprint(NEW))
    assert refusal.value.code == "changed_meanwhile"
    assert read_keys(remote_id) == KeyFingerprints(format_fingerprint(FIRST), format_fingerprint(OTHER), None)
    with db.transaction() as session:
        assert session.get_one(Remote, remote_id).version == 1
    decide_on_key(decide, remote_id, format_fingerprint(OTHER).upper().replace(" ", ""))


@pytest.mark.parametrize("decide", [pinned_key.accept, pinned_key.refuse])
def test_without_an_offered_key_there_is_nothing_to_decide(decide):
    remote_id = add_remote()
    for results in ((), (FINE,)):
        save_results(*results)
        with pytest.raises(Conflict) as refusal:
            decide_on_key(decide, remote_id)
        assert refusal.value.code == "no_other_key"


def test_a_ping_from_before_the_decision_changes_nothing():
    """It was sent while the old key was pinned, so it reports the new key as changed, or the old key as fine."""
    remote_id = add_remote()
    save_results(FINE, changed_key_result())
    decide_on_key(pinned_key.accept, remote_id)
    save_results(changed_key_result(), FINE)
    assert read_keys(remote_id) == KeyFingerprints(format_fingerprint(NEW), None, None)


class TestTheKeyOfCalls:
    """A key that is known only from a first request."""

    def test_it_is_replaced_by_a_proven_one(self):
        remote_id = add_remote()
        for called in (OTHER, FIRST):
            save_called_key(called)
            assert read_keys(remote_id) == KeyFingerprints(None, format_fingerprint(called), None, is_from_calls=True)
            with db.transaction() as session:
                assert pinned_key.list_undecided(session) == {AUTH: None}
            save_results(FINE)
            assert read_keys(remote_id) == KeyFingerprints(format_fingerprint(FIRST), None, None)

    def test_an_unproven_answer_is_offered_and_leaves_it(self):
        remote_id = add_remote()
        save_called_key(OTHER)
        save_results(unproven_result(NEW))
        assert read_keys(remote_id) == KeyFingerprints(None, format_fingerprint(NEW), None)
        decide_on_key(pinned_key.refuse, remote_id)
        assert read_keys(remote_id) == KeyFingerprints(None, format_fingerprint(OTHER), None, is_from_calls=True)
        decide_on_key(pinned_key.accept, remote_id, format_fingerprint(OTHER))
        assert read_keys(remote_id) == KeyFingerprints(format_fingerprint(OTHER), None, None)

    def test_a_refused_one_is_forgotten_and_not_pinned_by_a_proof(self):
        remote_id = add_remote()
        save_called_key(FIRST)
        decide_on_key(pinned_key.refuse, remote_id)
        save_results(FINE, unproven_result(FIRST))
        assert read_keys(remote_id) == KeyFingerprints(None, format_fingerprint(FIRST), NOW)
        decide_on_key(pinned_key.accept, remote_id)
        assert read_keys(remote_id) == KeyFingerprints(format_fingerprint(FIRST), None, None)

    def test_a_woorewards_shop_has_none(self):
        remote_id = add_remote()
        save_called_key(OTHER)
        save_results(WOOREWARDS_FINE)
        assert read_keys(remote_id) == KeyFingerprints(None, None, None)
        save_results(FINE, WOOREWARDS_FINE)
        assert read_keys(remote_id) == KeyFingerprints(format_fingerprint(FIRST), None, None)

    def test_only_listed_sites_are_asked_about(self):
        remote_id = add_remote()
        save_called_key(OTHER)
        with db.transaction() as session:
            get_remote(session, remote_id).deleted_at = NOW
            assert pinned_key.list_undecided(session) == {}
