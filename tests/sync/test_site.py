"""Is this database really this site's own? First start, copy, move, restore; and the word that ends the hold."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from pointsync import crypto, db, ids
from pointsync.config import Config
from pointsync.crypto import Vault
from pointsync.errors import ConfigError, Conflict
from pointsync.ledger.apply import have
from pointsync.ledger.record import Draft, record
from pointsync.models import Delivery, Movement, Remote, Reserve, Site, State
from pointsync.runtime import runtime
from pointsync.sync import site
from tests.support.frozen import START as NOW
from tests.support.local import reserve

URL = "https://shop.example/points"
OTHER_URL = "https://test.example"

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def here(tmp_path: Path) -> Config:
    """The settings of a site with data of its own and a public URL."""
    return replace(runtime().config, data=tmp_path, public_url=URL, site_name="Lyon")


def start(config: Config) -> str | None:
    """What a start does: look whether this is the real site, and keep its marker up to date."""
    with db.write() as session:
        hold = site.recognise(session, config)
    with db.write() as session:
        site.remember(session, config)
    return hold


def confirm(config: Config, what: str) -> None:
    """An admin's word."""
    with db.write() as session:
        site.confirm(session, runtime().vault, config, what, NOW)


def sold(points: int = 5) -> None:
    """Record a movement."""
    with db.write() as session:
        record(session, [Draft("anna@shop.example", points)], "test", NOW)


def row() -> Site:
    """The site as the database has it."""
    with db.write() as session:
        return session.get_one(Site, 1)


def identity(config: Config, now=NOW) -> site.Identity:
    """Who this site is."""
    with db.write() as session:
        return site.identity(session, runtime().vault, config, now)


def marker(config: Config) -> str:
    """What stands beside the database."""
    return (config.data / "marker").read_text().split()[0]


def listed() -> None:
    """Put a remote on the list."""
    with db.write() as session:
        session.add(
            Remote(
                url="https://other.example",
                auth="wrk_0123456789abcdef",
                sealed_pass="",
                target="default",
                reserve=reserve(session),
                query_template="",
                created_at=NOW,
                facts={},
            )
        )


def test_the_first_start_makes_a_site_and_its_reserve():
    made = row()
    assert ids.is_auth(made.auth)
    assert ids.is_pass(runtime().vault.open(made.sealed_pass))
    assert crypto.is_public_key(made.public_key)
    assert "wrs_" not in made.sealed_pass
    with db.write() as session:
        [only] = session.scalars(select(Reserve))
        assert (only.key, only.name, only.is_active, only.may_go_below_zero) == ("default", "Points", True, False)
        again = site.ensure(session, runtime().vault, NOW + timedelta(days=9))
        assert (again.auth, again.sealed_pass, again.created_at) == (made.auth, made.sealed_pass, made.created_at)


def test_who_this_site_is(here):
    found = identity(here)
    assert (found.url, found.name, found.hold) == (URL, "Lyon", None)
    signature = crypto.ed25519_signature(found.private_key, b"body")
    assert crypto.ed25519_verifies(found.public_key, signature, b"body")
    assert found.sharing_key == f"shop.example/points|{found.auth}:{found.passes[0]}"


def test_a_site_without_a_url_has_no_sharing_key(here):
    unset = replace(here, public_url=None)
    assert (identity(unset).url, identity(unset).sharing_key) == (None, None)
    with db.write() as session:
        session.get_one(Site, 1).served_url = "http://127.0.0.1:8080"
    assert identity(unset).url == "http://127.0.0.1:8080"
    assert identity(here).url == URL


def test_a_rotated_pass_works_beside_the_new_one_until_its_end(here):
    with db.write() as session:
        here_row = session.get_one(Site, 1)
        here_row.sealed_old_pass = runtime().vault.seal("wrs_oldoldoldoldold1")
        here_row.old_pass_ends_at = NOW
    assert identity(here, NOW - timedelta(milliseconds=1)).passes[1:] == ("wrs_oldoldoldoldold1",)
    assert len(identity(here, NOW).passes) == 1


def test_another_secret_key_is_named(here):
    with db.write() as session, pytest.raises(ConfigError, match="POINTSYNC_SECRET_KEY"):
        site.identity(session, Vault("another secret than before"), here, NOW)


def test_a_first_start_and_those_that_follow_are_not_held(here):
    assert start(here) is None
    sold()
    assert start(here) is None
    assert start(here) is None
    assert (here.data / "marker").read_text() == f"{row().marker} {row().last_id}\n"
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


def test_moved_goes_on_as_the_same_site_at_the_new_url(here):
    start(here)
    listed()
    sold()
    before = identity(here)
    moved = replace(here, public_url=OTHER_URL)
    start(moved)
    confirm(moved, "moved")
    assert (identity(moved).auth, identity(moved).passes) == (before.auth, before.passes)
    assert (row().hold, row().url) == (None, OTHER_URL)
    assert [start(moved), start(moved)] == [None, None]
    with db.write() as session:
        assert session.scalars(select(Remote.deleted_at)).all() == [None]


def test_moved_to_another_machine_without_its_marker(here, tmp_path):
    start(here)
    sold()
    (tmp_path / "new").mkdir()
    moved = replace(here, data=tmp_path / "new")
    start(moved)
    confirm(moved, "moved")
    assert marker(moved) == row().marker
    assert start(moved) is None


def test_restored_never_uses_again_the_ids_that_were_lost(here):
    start(here)
    sold()
    backup = row().last_id
    sold()
    sold()
    start(here)
    lost = row().last_id
    with db.write() as session:
        session.get_one(Site, 1).last_id = backup
    start(here)
    auth = row().auth
    confirm(here, "restored")
    assert (row().hold, row().auth, row().last_id, row().confirmed_id) == (None, auth, lost, lost)
    assert start(here) is None
    sold()
    with db.write() as session:
        newest = session.scalars(select(Movement.id).order_by(Movement.seq.desc())).first()
    assert int(newest) > lost


def test_a_copy_becomes_a_site_of_its_own(here, tmp_path):
    start(here)
    listed()
    sold()
    before, kept = identity(here), row()
    with db.write() as session:
        session.get_one(Site, 1).sealed_old_pass = runtime().vault.seal("wrs_oldoldoldoldold1")
        session.get_one(Site, 1).old_pass_ends_at = NOW + timedelta(hours=1)
    copy = replace(here, public_url=OTHER_URL)
    start(copy)
    confirm(copy, "copy")
    after = identity(copy)
    assert after.auth != before.auth
    assert not set(after.passes) & {*before.passes, "wrs_oldoldoldoldold1"}
    assert (after.public_key, after.private_key) != (before.public_key, before.private_key)
    assert crypto.ed25519_verifies(after.public_key, crypto.ed25519_signature(after.private_key, b"body"), b"body")
    assert (row().hold, row().url) == (None, OTHER_URL)
    assert marker(copy) == row().marker != kept.marker
    assert start(copy) is None
    with db.write() as session:
        assert session.scalars(select(Remote.deleted_at)).all() == [NOW]


def test_what_a_copy_owed_is_left_to_the_real_site_whose_movements_it_holds(here):
    start(here)
    listed()
    sold(5)
    sold(7)
    real, last_id = row().auth, row().last_id
    copy = replace(here, public_url=OTHER_URL)
    start(copy)
    confirm(copy, "copy")
    with db.write() as session:
        assert set(session.scalars(select(Delivery.state))) == {State.ASIDE}
        assert have(session, real, reserve(session)) == {"count": 2, "max_id": str(last_id)}
    sold(1)
    own = row().auth
    with db.write() as session:
        newest = session.scalars(select(Movement).order_by(Movement.seq.desc())).first()
        assert (newest.origin, newest.balance) == (own, 13)
        assert len(session.scalars(select(Delivery)).all()) == 2


def test_the_real_site_is_not_taken_for_the_copys_after_it(here, tmp_path):
    """The copy's marker must not fit the database it was copied from."""
    start(here)
    sold()
    real = row().marker
    (tmp_path / "copy").mkdir()
    copy = replace(here, data=tmp_path / "copy")
    start(copy)
    confirm(copy, "copy")
    assert marker(copy) != real


def test_there_is_nothing_to_confirm_where_nothing_is_held(here):
    start(here)
    for what in ("moved", "restored", "copy"):
        with pytest.raises(Conflict) as refusal:
            confirm(here, what)
        assert refusal.value.code == "nothing_held"
