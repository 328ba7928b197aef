"""A database that was copied, moved or restored from a backup must not send."""

from dataclasses import replace

import pytest
from sqlalchemy import delete

from pointsync import db, ids
from pointsync.errors import ConfigError
from pointsync.models import HourlyTotal, Movement, Site
from tests.sync.site.site_starts import (
    OTHER,
    OTHER_URL,
    URL,
    apply_movement,
    get_site,
    last_seq,
    record_points,
    start_site,
)

pytestmark = pytest.mark.usefixtures("app")


def test_the_first_and_later_starts_send(site_config):
    assert start_site(site_config) is None
    record_points()
    assert start_site(site_config) is None
    assert start_site(site_config) is None
    assert (
        site_config.data / "marker"
    ).read_text() == f"{get_site().marker} {get_site().last_id} {last_seq()} {get_site().call}\n"
    assert get_site().url == URL


def test_a_database_without_its_marker_does_not_send(site_config, tmp_path):
    start_site(site_config)
    record_points()
    (tmp_path / "copy").mkdir()
    assert "marker of this database is missing" in start_site(replace(site_config, data=tmp_path / "copy"))


def test_a_database_with_another_databases_marker_does_not_send(site_config):
    (site_config.data / "marker").write_text(f"{ids.new_token()} 0\n")
    assert "belongs to another database" in start_site(site_config)


def test_a_changed_url_stops_sending_and_an_unset_one_does_not(site_config):
    start_site(site_config)
    assert start_site(replace(site_config, public_url=None)) is None
    assert get_site().url == URL
    reason = start_site(replace(site_config, public_url=OTHER_URL))
    assert URL in reason
    assert OTHER_URL in reason


@pytest.mark.parametrize(
    "spelling",
    [f"{URL}/", URL.upper().replace("POINTS", "points"), "https://shop.example:443/points", "https://shop.example/%70oints"],
)  # fmt: skip
def test_another_spelling_of_the_url_does_not_stop_sending(site_config, spelling):
    start_site(site_config)
    assert start_site(replace(site_config, public_url=spelling)) is None
    assert get_site().url == spelling
    assert start_site(replace(site_config, public_url=spelling.replace("https", "http").replace("HTTPS", "http")))


def test_a_restored_older_database_does_not_send(site_config):
    start_site(site_config)
    record_points()
    start_site(site_config)
    with db.transaction() as session:
        session.get_one(Site, 1).last_id -= 1
    assert "restored from a backup" in start_site(site_config)


def test_a_restored_database_that_lacks_only_received_movements_does_not_send(site_config):
    start_site(site_config)
    record_points()
    own = get_site().last_id
    apply_movement()
    start_site(site_config)
    with db.transaction() as session:
        session.execute(delete(HourlyTotal).where(HourlyTotal.origin == OTHER))
        session.execute(delete(Movement).where(Movement.origin == OTHER))
    assert get_site().last_id == own
    assert "restored from a backup" in start_site(site_config)


def test_a_marker_of_an_earlier_version_is_accepted(site_config):
    start_site(site_config)
    record_points()
    (site_config.data / "marker").write_text(f"{get_site().marker} {get_site().last_id}\n")
    assert start_site(site_config) is None
    assert (
        site_config.data / "marker"
    ).read_text() == f"{get_site().marker} {get_site().last_id} {last_seq()} {get_site().call}\n"


def test_the_first_reason_for_stopping_is_kept(site_config):
    start_site(site_config)
    first_reason = start_site(replace(site_config, public_url=OTHER_URL))
    assert start_site(site_config) == first_reason == get_site().hold
    (site_config.data / "marker").unlink()
    assert start_site(site_config) == first_reason
    assert not (site_config.data / "marker").exists()


def test_an_unreadable_marker_stops_the_start(site_config):
    for content in (b"\xff\xfe", b"abc def\n"):
        (site_config.data / "marker").write_bytes(content)
        with pytest.raises(ConfigError, match="marker cannot be read"):
            start_site(site_config)


def test_a_site_that_must_not_send_does_not_change_the_marker(site_config):
    start_site(site_config)
    before = (site_config.data / "marker").read_text()
    start_site(replace(site_config, public_url=OTHER_URL))
    record_points()
    start_site(replace(site_config, public_url=OTHER_URL))
    assert (site_config.data / "marker").read_text() == before
