"""Sites are shown by their names, where a line of the list has ever told them."""

from dataclasses import replace

import pytest

from pointsync import db
from pointsync.models import Site
from pointsync.sync.site import names
from tests.support.remote_rows import AUTH, OTHER_AUTH, added, line
from tests.sync.remote_edits import removed

pytestmark = pytest.mark.usefixtures("app")


def read(config) -> names.Names:
    """All names now."""
    with db.write() as session:
        return names.read(session, config)


def named(remote_id: int, name: str) -> None:
    """A line as a ping has left it."""
    with db.write() as session:
        line(session, remote_id).name = name


def test_this_site_by_its_own_name_and_a_remote_by_what_it_told(here):
    first, second = added(), added(OTHER_AUTH, url="https://tea.example")
    named(first, "Mug shop")
    with db.write() as session:
        own = session.get_one(Site, 1).auth
    found = read(here)
    assert [found.origin(auth) for auth in (own, AUTH, OTHER_AUTH)] == ["Lyon", "Mug shop", "https://tea.example"]
    assert [found.remote(each) for each in (first, second)] == ["Mug shop", "https://tea.example"]
    assert found.origin("wrk_0000000000000000") == "wrk_0000000000000000"
    assert found.remote(999) == "remote 999"
    assert read(replace(here, site_name="Paris")).origin(own) == "Paris"


def test_a_deleted_line_still_names_its_site_until_another_does(here):
    first = added()
    named(first, "Old name")
    removed(first)
    assert read(here).origin(AUTH) == "Old name"
    second = added(target="other")
    named(second, "New name")
    assert read(here).origin(AUTH) == "New name"
    assert read(here).remote(first) == "Old name"


def test_of_two_lines_for_one_site_the_one_on_the_list_names_it(here, gold):
    first, second = added(), added(target="gold", observed="gold")
    named(first, "Still there")
    named(second, "Gone")
    removed(second)
    assert read(here).origin(AUTH) == "Still there"
