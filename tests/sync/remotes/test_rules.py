"""What is stored for a remote, and which remotes are refused."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from pointsync import db
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.models import Origin, Remote, Site
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import remote_json
from tests.support.remote_rows import AUTH, OTHER_AUTH, PASS, add_remote, get_remote
from tests.sync.remote_edits import change_remote, expect_refused, listed_ids, remove_remote

pytestmark = pytest.mark.usefixtures("app", "gold")


def test_a_remote_stores_its_fields_and_encrypts_the_pass():
    remote_id = add_remote(url="http://10.0.0.5:8080/x/", target_reserve="silver", observed_reserve="gold")
    with db.transaction() as session:
        remote = get_remote(session, remote_id)
        assert (remote.url, remote.auth, remote.target) == ("http://10.0.0.5:8080/x", AUTH, "silver")
        assert remote.reserve.key == "gold"
        assert PASS not in remote.sealed_pass
        assert get_runtime().vault.decrypt(remote.sealed_pass) == PASS
        assert (remote.status, remote.dialect, remote.version) == ("none", None, 1)
        assert session.get_one(Origin, AUTH).public_key is None
        document = remote_json.of(session, remote)
    assert (document.id, document.observed, document.waiting, document.paused) == (
        remote_id,
        "gold",
        0,
        False,
    )
    assert PASS not in str(document)


def test_the_own_auth_is_refused():
    with db.transaction() as session:
        own = session.get_one(Site, 1).auth
    assert list(expect_refused(InvalidInput, add_remote, own).fields) == ["auth"]
    remote_id = add_remote()
    assert list(expect_refused(InvalidInput, change_remote, remote_id, own).fields) == ["auth"]


def test_an_unknown_observed_reserve_is_refused():
    refusal = expect_refused(NotFound, add_remote, observed_reserve="silver")
    assert (refusal.code, list(refusal.fields)) == ("unknown_reserve", ["observed"])


def test_a_reserve_may_appear_in_only_one_remote_per_site():
    first = add_remote()
    same_here = expect_refused(Conflict, add_remote, target_reserve="silver")
    assert (same_here.code, list(same_here.fields)) == ("second_line", ["observed"])
    same_there = expect_refused(Conflict, add_remote, observed_reserve="gold")
    assert (same_there.code, list(same_there.fields)) == ("second_line", ["target"])
    second = add_remote(observed_reserve="gold", target_reserve="silver")
    third = add_remote(OTHER_AUTH)
    assert listed_ids() == [first, second, third]
    assert (
        expect_refused(Conflict, change_remote, second, observed_reserve="gold", target_reserve="default").code
        == "second_line"
    )
    assert (
        expect_refused(Conflict, change_remote, second, observed_reserve="default", target_reserve="silver").code
        == "second_line"
    )
    assert expect_refused(Conflict, change_remote, third, AUTH).code == "second_line"


def test_the_database_refuses_a_second_remote_for_a_reserve():
    add_remote()
    for fields in ({"target_reserve": "silver"}, {"observed_reserve": "gold"}):
        other = add_remote(OTHER_AUTH, **fields)
        with db.transaction() as session:
            get_remote(session, other).auth = AUTH
            with pytest.raises(IntegrityError):
                session.flush()
            session.rollback()
        remove_remote(other)


def test_deleting_an_unknown_remote_is_refused():
    assert expect_refused(NotFound, remove_remote, 12345).code == "unknown_remote"
    with db.transaction() as session:
        assert session.scalars(select(Remote)).all() == []
