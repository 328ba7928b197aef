"""Another key than the pinned one: offered, accepted, refused, or gone again by itself."""

import pytest

from pointsync import db
from pointsync.crypto import fingerprint, new_signing_key
from pointsync.errors import Conflict
from pointsync.models import Origin, Remote
from pointsync.sync.protocol.ping import Verdict
from pointsync.sync.remotes import pinned_key, remotes
from pointsync.sync.remotes.pinned_key import Keys
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import AUTH, OTHER_AUTH, added

pytestmark = pytest.mark.usefixtures("app")

FIRST, NEW, OTHER = (new_signing_key()[1] for _ in range(3))
FINE = Verdict(True, "ok", "Fine.", key=FIRST)


def changed(key: str = NEW) -> Verdict:
    """What a ping finds where another key answers."""
    return Verdict(False, "changed_key", "Another key.", is_permanent=True, offered_key=key)


def heard(*verdicts: Verdict, auth: str = AUTH) -> None:
    """Let pings have found this, one after the other."""
    with db.write() as session:
        for verdict in verdicts:
            pinned_key.note(session.get_one(Origin, auth), verdict)


def keys(remote_id: int) -> Keys:
    with db.write() as session:
        return pinned_key.read(session, remotes.get(session, remote_id))


def decided(decide, remote_id: int, shown: str | None = None) -> None:
    """An admin's yes or no."""
    with db.write() as session:
        decide(session, remotes.get(session, remote_id), shown, NOW)


def test_the_first_good_ping_pins_and_another_key_is_only_offered():
    remote_id = added()
    assert keys(remote_id) == Keys(None, None, None)
    heard(Verdict(False, "unknown_reserve", "None.", key=OTHER))
    assert keys(remote_id).pinned is None, "only a good one pins"
    heard(FINE, changed())
    assert keys(remote_id) == Keys(fingerprint(FIRST), fingerprint(NEW), None)
    with db.write() as session:
        assert session.get_one(Origin, AUTH).public_key == FIRST
        assert pinned_key.offered(session) == {AUTH: None}


def test_it_is_kept_while_nobody_answers_and_forgotten_when_the_pinned_one_does():
    remote_id = added()
    heard(FINE, changed(), Verdict(False, "timeout", "Silent."), Verdict(False, "bad_credentials", "No."))
    assert keys(remote_id).offered == fingerprint(NEW)
    heard(Verdict(False, "unknown_reserve", "There is none.", key=FIRST))
    assert keys(remote_id) == Keys(fingerprint(FIRST), None, None)


@pytest.mark.usefixtures("gold")
def test_accepted_it_is_pinned_for_every_line_to_that_site():
    one, two = added(), added(target="gold", observed="gold")
    elsewhere = added(OTHER_AUTH)
    heard(FINE, changed())
    with db.write() as session:
        for line in session.query(Remote):
            line.is_probing, line.next_attempt_at = True, NOW
    decided(pinned_key.accept, one, fingerprint(NEW))
    assert keys(one) == keys(two) == Keys(fingerprint(NEW), None, None)
    with db.write() as session:
        lines = {line.id: (line.is_probing, line.version) for line in session.query(Remote)}
    assert lines == {one: (False, 2), two: (False, 2), elsewhere: (True, 1)}


def test_refused_the_pinned_one_stays_and_the_same_is_not_asked_about_again():
    remote_id = added()
    heard(FINE, changed())
    decided(pinned_key.refuse, remote_id, fingerprint(NEW))
    heard(changed())
    assert keys(remote_id) == Keys(fingerprint(FIRST), fingerprint(NEW), NOW)
    with db.write() as session:
        assert pinned_key.offered(session) == {AUTH: NOW}
        assert session.get_one(Origin, AUTH).public_key == FIRST


def test_a_refused_one_may_be_accepted_after_all():
    remote_id = added()
    heard(FINE, changed())
    decided(pinned_key.refuse, remote_id)
    decided(pinned_key.accept, remote_id)
    assert keys(remote_id) == Keys(fingerprint(NEW), None, None)


def test_yet_another_key_is_asked_about_anew():
    remote_id = added()
    heard(FINE, changed())
    decided(pinned_key.refuse, remote_id)
    heard(changed(OTHER))
    assert keys(remote_id) == Keys(fingerprint(FIRST), fingerprint(OTHER), None)


@pytest.mark.parametrize("decide", [pinned_key.accept, pinned_key.refuse])
def test_only_the_key_that_was_shown_is_decided_about(decide):
    remote_id = added()
    heard(FINE, changed(OTHER))
    with pytest.raises(Conflict) as refusal:
        decided(decide, remote_id, fingerprint(NEW))
    assert refusal.value.code == "changed_meanwhile"
    assert keys(remote_id) == Keys(fingerprint(FIRST), fingerprint(OTHER), None)
    with db.write() as session:
        assert session.get_one(Remote, remote_id).version == 1
    decided(decide, remote_id, fingerprint(OTHER).upper().replace(" ", ""))


@pytest.mark.parametrize("decide", [pinned_key.accept, pinned_key.refuse])
def test_there_is_nothing_to_decide_where_no_other_key_is_offered(decide):
    remote_id = added()
    for verdicts in ((), (FINE,)):
        heard(*verdicts)
        with pytest.raises(Conflict) as refusal:
            decided(decide, remote_id)
        assert refusal.value.code == "no_other_key"


def test_a_ping_from_before_the_decision_changes_nothing():
    """It was asked with the old key pinned, and finds the new one to be another; or it found the old one fine."""
    remote_id = added()
    heard(FINE, changed())
    decided(pinned_key.accept, remote_id)
    heard(changed(), FINE)
    assert keys(remote_id) == Keys(fingerprint(NEW), None, None)
