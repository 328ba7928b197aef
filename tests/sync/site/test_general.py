"""What an admin says of the site: its name, its time zone, its public URL; and the environment goes before."""

from dataclasses import replace

import pytest

from pointsync import config, db, startup
from pointsync.errors import Conflict, Invalid
from pointsync.models import Setting, Site
from pointsync.sync.site import general, settings
from tests.support.apps import application, opened
from tests.sync.site.site_starts import OTHER_URL, URL, confirm, identity
from tests.sync.site.site_starts import start as started

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def open_here(here):
    """The settings of a site of which the environment says nothing; its host is called Lyon."""
    return replace(here, public_url=None)


def said(call, *args):
    """What an admin has said, committed."""
    with db.write() as session:
        return call(session, *args)


def refused(of: type[Exception], call, *args) -> dict[str, str]:
    """Why that is refused, by field; nothing is stored."""
    with pytest.raises(of) as refusal:
        said(call, *args)
    with db.write() as session:
        assert session.query(Setting).all() == []
        assert session.get_one(Site, 1).url is None
    return refusal.value.fields


def test_the_name_is_the_hosts_until_an_admin_names_the_site(open_here):
    assert said(general.site_name, open_here) == identity(open_here).name == "Lyon"
    assert said(general.set_site_name, open_here, "  Boutique Zürich ") == "Boutique Zürich"
    assert said(general.site_name, open_here) == identity(open_here).name == "Boutique Zürich"
    said(general.set_site_name, open_here, "Mugs")
    assert identity(open_here).name == "Mugs"


def test_the_environments_name_goes_before(open_here):
    said(general.set_site_name, open_here, "Mugs")
    told = replace(open_here, site_name="Environment", site_name_is_set=True)
    assert said(general.site_name, told) == identity(told).name == "Environment"
    with pytest.raises(Conflict) as refusal:
        said(general.set_site_name, told, "Other")
    assert refusal.value.fields == {"site_name": "POINTSYNC_SITE_NAME sets it: change it there, and start again."}
    assert identity(open_here).name == "Mugs"


@pytest.mark.parametrize("name", ["", "  ", "x" * 192, "a\nb", "\0", "\ud800"])
def test_a_name_that_cannot_be(open_here, name):
    assert list(refused(Invalid, general.set_site_name, open_here, name)) == ["site_name"]


def test_whether_the_environment_names_the_site(tmp_path):
    settings = {"POINTSYNC_DATA": str(tmp_path)}
    assert not config.load(settings, tmp_path).site_name_is_set
    assert not config.load(settings | {"POINTSYNC_SITE_NAME": "  "}, tmp_path).site_name_is_set
    assert config.load(settings | {"POINTSYNC_SITE_NAME": "Mugs"}, tmp_path).site_name_is_set


def test_the_time_zone():
    assert said(general.time_zone).key == "UTC"
    assert said(general.set_time_zone, " Europe/Paris ").key == "Europe/Paris"
    assert said(general.time_zone).key == "Europe/Paris"


@pytest.mark.parametrize(
    "name", ["", "Paris", "europe/paris", "../../etc/passwd", "/etc/localtime", "UTC\0", "x" * 600]
)
def test_a_zone_that_there_is_not(name):
    assert list(refused(Invalid, general.set_time_zone, name)) == ["time_zone"]


def test_a_zone_that_this_machine_does_not_know_is_utc():
    with db.write() as session:
        session.add(Setting(name="time_zone", value="Mars/Olympus_Mons"))
    assert said(general.time_zone).key == "UTC"


def test_zones_are_there_wherever_the_package_runs():
    """A slim container has no files of zones; the package of them stands in."""
    import tzdata

    assert {"UTC", "Europe/Paris", "America/Argentina/Buenos_Aires", "Asia/Kolkata"} <= general.zones()
    assert tzdata.IANA_VERSION


def test_texts_and_numbers_share_a_table_and_do_not_meet(open_here):
    said(general.set_site_name, open_here, "Mugs")
    said(general.set_time_zone, "Asia/Tokyo")
    said(general.set_public_url, open_here, URL)
    said(settings.change, "delay_seconds", "60")
    assert said(settings.read).delay_seconds == 60
    assert said(settings.read).max_attempts == 10
    assert {general.SITE_NAME, general.TIME_ZONE, general.PUBLIC_URL}.isdisjoint(settings.KINDS)


def test_the_public_url_that_an_admin_confirms(open_here):
    assert (identity(open_here).url, said(general.public_url)) == (None, None)
    assert said(general.set_public_url, open_here, f" {URL}/ ") == URL
    assert identity(open_here).url == said(general.public_url) == URL
    assert identity(open_here).sharing_key.startswith("shop.example/points|")
    assert said(general.set_public_url, open_here, OTHER_URL) == OTHER_URL
    assert identity(open_here).url == OTHER_URL


def test_the_environments_url_goes_before(here):
    fields = refused(Conflict, general.set_public_url, here, OTHER_URL)
    assert fields == {"public_url": "POINTSYNC_PUBLIC_URL sets it: change it there, and start again."}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "ftp://shop.example",
        "https://",
        "https://me:secret@shop.example",
        "https://shop.example/?a=1",
        "https://shop.example/#a",
        "https://shop.example/a b",
        "https://shop.example:0",
        "https://shop.example:99999",
        "https://[::1",
        "https://shop.example/\u202e",
        "https://shop.example/" + "x" * 500,
    ],
)
def test_a_url_that_cannot_be(open_here, url):
    assert list(refused(Invalid, general.set_public_url, open_here, url)) == ["public_url"]


def test_a_start_elsewhere_than_where_an_admin_has_confirmed_is_a_move(open_here, here):
    started(open_here)
    said(general.set_public_url, open_here, OTHER_URL)
    assert started(open_here) is None
    assert started(here) == f"The database was last used at {OTHER_URL}, and this is {URL}."


def test_a_copy_does_not_answer_where_the_real_site_does(open_here):
    started(open_here)
    said(general.set_public_url, open_here, URL)
    with db.write() as session:
        session.get_one(Site, 1).hold = "A copy?"
    confirm(open_here, "copy")
    assert (identity(open_here).url, said(general.public_url)) == (None, None)


def test_a_site_that_moved_keeps_what_was_confirmed(open_here):
    started(open_here)
    said(general.set_public_url, open_here, URL)
    with db.write() as session:
        session.get_one(Site, 1).hold = "Moved?"
    confirm(open_here, "moved")
    assert identity(open_here).url == URL


def test_what_was_confirmed_outlives_a_start_of_serve(sqlite_url, tmp_path):
    with opened(application(sqlite_url, tmp_path)) as app:
        here = app.extensions["pointsync"].config
        startup.bring_up("http://127.0.0.1:8080")
        assert identity(here).url == "http://127.0.0.1:8080"
        said(general.set_public_url, here, URL)
        startup.bring_up("http://127.0.0.1:8081")
        assert identity(here).url == URL
