"""Is this database really this site's own? A copy, a move or a restored backup is held."""

from dataclasses import replace

import pytest
from sqlalchemy import delete

from pointsync import db, ids
from pointsync.errors import ConfigError
from pointsync.models import Flow, Movement, Site
from tests.sync.site.site_starts import OTHER, OTHER_URL, URL, last_seq, received, row, sold, start

pytestmark = pytest.mark.usefixtures("app")


def test_a_first_start_and_those_that_follow_are_not_held(here):
    assert start(here) is None
    sold()
    assert start(here) is None
    assert start(here) is None
    assert (here.data / "marker").read_text() == f"{row().marker} {row().last_id} {last_seq()}\n"
    assert row().url == URL


def test_a_copy_of_the_database_alone_is_held(here, tmp_path):
    start(here)
    sold()
    (tmp_path / "copy").mkdir()
    assert "marker of this database is missing" in start(replace(here, data=tmp_path / "copy"))


def test_a_database_with_the_marker_of_another_is_held(here):
    (here.data / "marker").write_text(f"{ids.new_token()} 0\n")
    assert "belongs to another database" in start(here)


def test_another_url_is_held_and_one_that_is_unset_is_not(here):
    start(here)
    assert start(replace(here, public_url=None)) is None
    assert row().url == URL
    said = start(replace(here, public_url=OTHER_URL))
    assert URL in said
    assert OTHER_URL in said


def test_a_restored_older_database_is_held(here):
    start(here)
    sold()
    start(here)
    with db.write() as session:
        session.get_one(Site, 1).last_id -= 1
    assert "restored from a backup" in start(here)


def test_a_restored_database_that_lacks_only_what_others_sent_is_held(here):
    start(here)
    sold()
    own = row().last_id
    received()
    start(here)
    with db.write() as session:
        session.execute(delete(Flow).where(Flow.origin == OTHER))
        session.execute(delete(Movement).where(Movement.origin == OTHER))
    assert row().last_id == own
    assert "restored from a backup" in start(here)


def test_a_marker_of_an_earlier_version_is_taken(here):
    start(here)
    sold()
    (here.data / "marker").write_text(f"{row().marker} {row().last_id}\n")
    assert start(here) is None
    assert (here.data / "marker").read_text() == f"{row().marker} {row().last_id} {last_seq()}\n"


def test_a_hold_stays_with_its_first_reason_whatever_comes_after(here):
    start(here)
    first = start(replace(here, public_url=OTHER_URL))
    assert start(here) == first == row().hold
    (here.data / "marker").unlink()
    assert start(here) == first
    assert not (here.data / "marker").exists()


def test_a_marker_that_cannot_be_read_stops_the_start(here):
    for content in (b"\xff\xfe", b"abc def\n"):
        (here.data / "marker").write_bytes(content)
        with pytest.raises(ConfigError, match="marker cannot be read"):
            start(here)


def test_a_held_site_leaves_the_marker_alone(here):
    start(here)
    before = (here.data / "marker").read_text()
    start(replace(here, public_url=OTHER_URL))
    sold()
    start(replace(here, public_url=OTHER_URL))
    assert (here.data / "marker").read_text() == before
