"""What the Remote sites list keeps of a line, and which lines it refuses."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from pointsync import db
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.models import Origin, Remote, Site
from pointsync.runtime import runtime
from pointsync.sync.remotes import queue
from tests.support.remote_rows import AUTH, OTHER_AUTH, PASS, added, line
from tests.sync.remote_edits import changed, refused, removed, shown

pytestmark = pytest.mark.usefixtures("app", "gold")


def test_a_line_keeps_what_was_typed_and_its_pass_sealed():
    remote_id = added(url="http://10.0.0.5:8080/x/", target="silver", observed="gold")
    with db.write() as session:
        remote = line(session, remote_id)
        assert (remote.url, remote.auth, remote.target) == ("http://10.0.0.5:8080/x", AUTH, "silver")
        assert remote.reserve.key == "gold"
        assert PASS not in remote.sealed_pass
        assert runtime().vault.open(remote.sealed_pass) == PASS
        assert (remote.status, remote.dialect, remote.version) == ("none", None, 1)
        assert session.get_one(Origin, AUTH).public_key is None
        shape = queue.shape(session, remote)
    assert (shape["id"], shape["observed"], shape["waiting"], shape["paused"]) == (remote_id, "gold", 0, False)
    assert PASS not in str(shape)


def test_this_sites_own_auth_is_refused():
    with db.write() as session:
        own = session.get_one(Site, 1).auth
    assert list(refused(Invalid, added, own).fields) == ["auth"]
    remote_id = added()
    assert list(refused(Invalid, changed, remote_id, own).fields) == ["auth"]


def test_an_observed_reserve_that_is_not_here_is_refused():
    refusal = refused(NotFound, added, observed="silver")
    assert (refusal.code, list(refusal.fields)) == ("unknown_reserve", ["observed"])


def test_a_reserve_stands_in_one_line_of_a_site_here_and_there():
    first = added()
    same_here = refused(Conflict, added, target="silver")
    assert (same_here.code, list(same_here.fields)) == ("second_line", ["observed"])
    same_there = refused(Conflict, added, observed="gold")
    assert (same_there.code, list(same_there.fields)) == ("second_line", ["target"])
    second = added(observed="gold", target="silver")
    third = added(OTHER_AUTH)
    assert shown() == [first, second, third]
    assert refused(Conflict, changed, second, observed="gold", target="default").code == "second_line"
    assert refused(Conflict, changed, second, observed="default", target="silver").code == "second_line"
    assert refused(Conflict, changed, third, AUTH).code == "second_line"


def test_the_database_itself_refuses_a_second_line():
    added()
    for more in ({"target": "silver"}, {"observed": "gold"}):
        other = added(OTHER_AUTH, **more)
        with db.write() as session:
            line(session, other).auth = AUTH
            with pytest.raises(IntegrityError):
                session.flush()
            session.rollback()
        removed(other)


def test_a_line_that_is_none():
    assert refused(NotFound, removed, 12345).code == "unknown_remote"
    with db.write() as session:
        assert session.scalars(select(Remote)).all() == []
