"""Who this site is: made at its first start, with a pass, keys and a URL."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import crypto, db, ids
from pointsync.crypto import Vault
from pointsync.errors import ConfigError
from pointsync.models import Reserve, Site
from pointsync.runtime import runtime
from pointsync.sync.site import local_site
from tests.support.moving_clock import START as NOW
from tests.sync.site.site_starts import URL, identity, row

pytestmark = pytest.mark.usefixtures("app")


def test_the_first_start_makes_a_site_and_its_reserve():
    made = row()
    assert ids.is_auth(made.auth)
    assert ids.is_pass(runtime().vault.open(made.sealed_pass))
    assert crypto.is_public_key(made.public_key)
    assert "wrs_" not in made.sealed_pass
    with db.write() as session:
        [only] = session.scalars(select(Reserve))
        assert (only.key, only.name, only.is_active, only.may_go_below_zero) == ("default", "Points", True, False)
        again = local_site.ensure(session, runtime().vault, NOW + timedelta(days=9))
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
        local_site.identity(session, Vault("another secret than before"), here, NOW)
