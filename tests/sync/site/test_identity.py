"""This site's identity: created at its first start, with a Pass, keys and a URL."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import crypto, db, ids
from pointsync.crypto import Vault
from pointsync.errors import ConfigError
from pointsync.models import Reserve, Site
from pointsync.runtime import get_runtime
from pointsync.sync.site import local_site
from tests.support.moving_clock import START as NOW
from tests.sync.site.site_starts import URL, get_site, identity

pytestmark = pytest.mark.usefixtures("app")


def test_the_first_start_creates_the_site_and_its_reserve():
    site = get_site()
    assert ids.is_auth(site.auth)
    assert ids.is_pass(get_runtime().vault.decrypt(site.sealed_pass))
    assert crypto.is_public_key(site.public_key)
    assert "wrs_" not in site.sealed_pass
    with db.transaction() as session:
        [reserve] = session.scalars(select(Reserve))
        assert (reserve.key, reserve.name, reserve.is_active, reserve.may_go_below_zero) == (
            "default",
            "Points",
            True,
            False,
        )
        again = local_site.get_or_create(session, get_runtime().vault, NOW + timedelta(days=9))
        assert (again.auth, again.sealed_pass, again.created_at) == (site.auth, site.sealed_pass, site.created_at)


def test_the_identity_has_name_url_keys_and_sharing_key(site_config):
    found = identity(site_config)
    assert (found.url, found.name, found.sending_stopped_reason) == (URL, "Lyon", None)
    signature = crypto.sign_ed25519(found.private_key, b"body")
    assert crypto.verify_ed25519(found.public_key, signature, b"body")
    assert found.sharing_key == f"shop.example/points|{found.auth}:{found.passes[0]}"


def test_a_site_without_a_url_has_no_sharing_key(site_config):
    unset = replace(site_config, public_url=None)
    assert (identity(unset).url, identity(unset).sharing_key) == (None, None)
    with db.transaction() as session:
        session.get_one(Site, 1).served_url = "http://127.0.0.1:8080"
    assert identity(unset).url == "http://127.0.0.1:8080"
    assert identity(site_config).url == URL


def test_the_old_pass_is_valid_until_its_end(site_config):
    with db.transaction() as session:
        site = session.get_one(Site, 1)
        site.sealed_old_pass = get_runtime().vault.encrypt("wrs_oldoldoldoldold1")
        site.old_pass_ends_at = NOW
    assert identity(site_config, NOW - timedelta(milliseconds=1)).passes[1:] == ("wrs_oldoldoldoldold1",)
    assert len(identity(site_config, NOW).passes) == 1


def test_a_wrong_secret_key_is_reported(site_config):
    with db.transaction() as session, pytest.raises(ConfigError, match="POINTSYNC_SECRET_KEY"):
        local_site.load_identity(session, Vault("another secret than before"), site_config, NOW)
