"""The site's name, time zone and public URL as an admin sets them; the environment takes precedence."""

from dataclasses import replace

import pytest

from pointsync import config, db, startup
from pointsync.errors import Conflict, InvalidInput
from pointsync.models import Setting, Site
from pointsync.sync.site import general, settings
from tests.support.apps import ALSO_POSTGRES, create_application, open_context
from tests.sync.site.site_starts import OTHER_URL, URL, confirm, identity, start_site

pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.parametrize("app", ALSO_POSTGRES, indirect=True)]


@pytest.fixture
def open_config(site_config):
    """A configuration without a public URL; the host name is Lyon."""
    return replace(site_config, public_url=None)


def run_committed(call, *args):
    """Make the call in a transaction."""
    with db.transaction() as session:
        return call(session, *args)


def expect_refused(error_type: type[Exception], call, *args) -> dict[str, str]:
    """Return the messages by field of the error that the call raises; nothing is stored."""
    with pytest.raises(error_type) as refusal:
        run_committed(call, *args)
    with db.transaction() as session:
        assert session.query(Setting).all() == []
        assert session.get_one(Site, 1).url is None
    return refusal.value.fields


def test_the_host_name_is_used_until_an_admin_sets_a_name(open_config):
    assert run_committed(general.get_site_name, open_config) == identity(open_config).name == "Lyon"
    assert run_committed(general.set_site_name, open_config, "  Boutique Zürich ") == "Boutique Zürich"
    assert run_committed(general.get_site_name, open_config) == identity(open_config).name == "Boutique Zürich"
    run_committed(general.set_site_name, open_config, "Mugs")
    assert identity(open_config).name == "Mugs"


def test_the_environments_name_takes_precedence(open_config):
    run_committed(general.set_site_name, open_config, "Mugs")
    named_config = replace(open_config, site_name="Environment", site_name_is_set=True)
    assert run_committed(general.get_site_name, named_config) == identity(named_config).name == "Environment"
    with pytest.raises(Conflict) as refusal:
        run_committed(general.set_site_name, named_config, "Other")
    assert refusal.value.fields == {
        "site_name": "POINTSYNC_SITE_NAME sets this value. Change it there and restart PointSync."
    }
    assert identity(open_config).name == "Mugs"


@pytest.mark.parametrize("name", ["", "  ", "x" * 192, "a\nb", "\0", "\ud800"])
def test_an_invalid_name_is_refused(open_config, name):
    assert list(expect_refused(InvalidInput, general.set_site_name, open_config, name)) == ["site_name"]


def test_the_configuration_says_whether_the_environment_sets_the_name(tmp_path):
    environ = {"POINTSYNC_DATA": str(tmp_path)}
    assert not config.load(environ, tmp_path).site_name_is_set
    assert not config.load(environ | {"POINTSYNC_SITE_NAME": "  "}, tmp_path).site_name_is_set
    assert config.load(environ | {"POINTSYNC_SITE_NAME": "Mugs"}, tmp_path).site_name_is_set


def test_the_time_zone():
    assert run_committed(general.get_time_zone).key == "UTC"
    assert run_committed(general.set_time_zone, " Europe/Paris ").key == "Europe/Paris"
    assert run_committed(general.get_time_zone).key == "Europe/Paris"


@pytest.mark.parametrize(
    "name", ["", "Paris", "europe/paris", "../../etc/passwd", "/etc/localtime", "UTC\0", "x" * 600]
)
def test_an_unknown_time_zone_is_refused(name):
    assert list(expect_refused(InvalidInput, general.set_time_zone, name)) == ["time_zone"]


def test_a_stored_zone_that_this_machine_does_not_know_reads_as_utc():
    with db.transaction() as session:
        session.add(Setting(name="time_zone", value="Mars/Olympus_Mons"))
    assert run_committed(general.get_time_zone).key == "UTC"


def test_time_zones_exist_without_the_systems_zone_files():
    """A slim container has no zone files; the tzdata package replaces them."""
    import tzdata

    assert {"UTC", "Europe/Paris", "America/Argentina/Buenos_Aires", "Asia/Kolkata"} <= general.list_time_zones()
    assert tzdata.IANA_VERSION


def test_text_and_number_settings_share_a_table_without_clashes(open_config):
    run_committed(general.set_site_name, open_config, "Mugs")
    run_committed(general.set_time_zone, "Asia/Tokyo")
    run_committed(general.set_public_url, open_config, URL)
    run_committed(settings.change, "delay_seconds", "60")
    assert run_committed(settings.read).delay_seconds == 60
    assert run_committed(settings.read).max_attempts == 10
    assert {general.SITE_NAME, general.TIME_ZONE, general.PUBLIC_URL}.isdisjoint(settings.DEFINITIONS)


def test_the_public_url_that_an_admin_confirms(open_config):
    assert (identity(open_config).url, run_committed(general.get_public_url)) == (None, None)
    assert run_committed(general.set_public_url, open_config, f" {URL}/ ") == URL
    assert identity(open_config).url == run_committed(general.get_public_url) == URL
    assert identity(open_config).sharing_key.startswith("shop.example/points|")
    assert run_committed(general.set_public_url, open_config, OTHER_URL) == OTHER_URL
    assert identity(open_config).url == OTHER_URL


def test_the_environments_url_takes_precedence(site_config):
    fields = expect_refused(Conflict, general.set_public_url, site_config, OTHER_URL)
    assert fields == {"public_url": "POINTSYNC_PUBLIC_URL sets this value. Change it there and restart PointSync."}


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
def test_an_invalid_url_is_refused(open_config, url):
    assert list(expect_refused(InvalidInput, general.set_public_url, open_config, url)) == ["public_url"]


def test_a_start_at_another_url_than_the_confirmed_one_stops_sending(open_config, site_config):
    start_site(open_config)
    run_committed(general.set_public_url, open_config, OTHER_URL)
    assert start_site(open_config) is None
    assert start_site(site_config) == f"The database was last used at {OTHER_URL}, but this site's public URL is {URL}."


def test_a_copy_forgets_the_confirmed_url(open_config):
    start_site(open_config)
    run_committed(general.set_public_url, open_config, URL)
    with db.transaction() as session:
        session.get_one(Site, 1).hold = "A copy?"
    confirm(open_config, "copy")
    assert (identity(open_config).url, run_committed(general.get_public_url)) == (None, None)


def test_a_moved_site_keeps_the_confirmed_url(open_config):
    start_site(open_config)
    run_committed(general.set_public_url, open_config, URL)
    with db.transaction() as session:
        session.get_one(Site, 1).hold = "Moved?"
    confirm(open_config, "moved")
    assert identity(open_config).url == URL


def test_a_confirmed_url_survives_a_start_of_serve(sqlite_url, tmp_path):
    with open_context(create_application(sqlite_url, tmp_path)) as app:
        config = app.extensions["pointsync"].config
        startup.prepare_database("http://127.0.0.1:8080")
        assert identity(config).url == "http://127.0.0.1:8080"
        run_committed(general.set_public_url, config, URL)
        startup.prepare_database("http://127.0.0.1:8081")
        assert identity(config).url == URL
