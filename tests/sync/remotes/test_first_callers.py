"""Several callers in one site's name at the same time: the first key counts, on both databases."""

from datetime import UTC, datetime

import pytest
from flask import Flask

from pointsync import crypto, db
from pointsync.models import Origin, Site
from pointsync.peer import authentication
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.ping import PingResult
from pointsync.sync.protocol.wire import WireError
from pointsync.sync.remotes import pinned_key
from tests.support.apps import run_concurrently
from tests.support.remote_rows import AUTH, PASS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def call_first(key_pair: tuple[str, str]) -> str:
    """A first request by AUTH with that key; the public key if it is accepted, else the error's code."""
    private_key, public_key = key_pair
    with db.transaction() as session:
        own_auth = session.get_one(Site, 1).auth
    headers = wire.build_request_headers(b"{}", AUTH, own_auth, PASS, private_key, NOW)
    signed = wire.parse_headers(headers, b"{}")
    try:
        db.run_in_transaction(
            lambda session: authentication.admit_sender(session, {"from": AUTH, "key": public_key}, signed, NOW)
        )
    except WireError as error:
        return error.code
    return public_key


def known_key() -> tuple[str | None, bool]:
    with db.transaction() as session:
        origin = session.get_one(Origin, AUTH)
        return origin.public_key, origin.is_key_proven


def test_of_several_first_callers_one_is_accepted(app: Flask) -> None:
    key_pairs = [crypto.new_signing_key() for _ in range(4)]
    results = run_concurrently(app, *(lambda key_pair=each: call_first(key_pair) for each in key_pairs))
    accepted = [result for result in results if result != "key_mismatch"]
    assert len(accepted) == 1
    assert known_key() == (accepted[0], False)


@pytest.mark.usefixtures("app")
def test_a_key_proven_at_the_same_time_wins(app: Flask) -> None:
    """Whichever is first: the proven key replaces the unproven one, or the caller is refused."""
    impostor, (_, proven) = crypto.new_signing_key(), crypto.new_signing_key()
    with db.transaction() as session:
        session.add(Origin(auth=AUTH, first_seen_at=NOW))

    def prove() -> str:
        result = PingResult(True, "ok", "Fine.", dialect="pointsync", signing_key=proven, is_key_proven=True)
        db.run_in_transaction(
            lambda session: pinned_key.save_keys(authentication.lock_origin(session, AUTH, NOW), result)
        )
        return proven

    assert run_concurrently(app, prove, lambda: call_first(impostor))[0] == proven
    assert known_key() == (proven, True)
    assert call_first(impostor) == "key_mismatch"
