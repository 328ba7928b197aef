"""Sites are shown by name when any remote has ever reported it."""

from dataclasses import replace

import pytest

from pointsync import db
from pointsync.models import Site
from pointsync.sync.site import names
from tests.support.remote_rows import AUTH, OTHER_AUTH, add_remote, get_remote
from tests.sync.remote_edits import remove_remote

pytestmark = pytest.mark.usefixtures("app")


def read_names(config) -> names.SiteNames:
    """Read all names."""
    with db.transaction() as session:
        return names.read(session, config)


def set_remote_name(remote_id: int, name: str) -> None:
    """Set the name that a ping reported."""
    with db.transaction() as session:
        get_remote(session, remote_id).name = name


def test_the_own_name_and_the_reported_names_are_used(site_config):
    first, second = add_remote(), add_remote(OTHER_AUTH, url="https://tea.example")
    set_remote_name(first, "Mug shop")
    with db.transaction() as session:
        own = session.get_one(Site, 1).auth
    found = read_names(site_config)
    assert [found.for_origin(auth) for auth in (own, AUTH, OTHER_AUTH)] == ["Lyon", "Mug shop", "https://tea.example"]
    assert [found.for_remote(each) for each in (first, second)] == ["Mug shop", "https://tea.example"]
    assert found.for_origin("wrk_0000000000000000") == "wrk_0000000000000000"
    assert found.for_remote(999) == "remote 999"
    assert read_names(replace(site_config, site_name="Paris")).for_origin(own) == "Paris"


def test_a_deleted_remote_names_its_site_until_another_one_does(site_config):
    first = add_remote()
    set_remote_name(first, "Old name")
    remove_remote(first)
    assert read_names(site_config).for_origin(AUTH) == "Old name"
    second = add_remote(target_reserve="other")
    set_remote_name(second, "New name")
    assert read_names(site_config).for_origin(AUTH) == "New name"
    assert read_names(site_config).for_remote(first) == "Old name"


def test_of_two_remotes_for_a_site_the_listed_one_names_it(site_config, gold):
    first, second = add_remote(), add_remote(target_reserve="gold", observed_reserve="gold")
    set_remote_name(first, "Still there")
    set_remote_name(second, "Gone")
    remove_remote(second)
    assert read_names(site_config).for_origin(AUTH) == "Still there"
