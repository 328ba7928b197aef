"""The plugin in a real WordPress 6.4 and PHP 7.4, the oldest that it supports, with a real PointSync over HTTP.

WooCommerce is not there: `python -m tests.real_shops` tests the plugin in whole shops.
"""

import json
from pathlib import Path

import pytest
from flask import Flask

from pointsync import db
from pointsync.runtime import get_runtime
from pointsync.shops import connected_shops, plugin_report
from pointsync.sync.site import general
from tests.shops import interpreters, wordpress_site
from tests.support.connected_shops import begin
from tests.support.wsgi_server import run_server

pytestmark = pytest.mark.skipif(bool(interpreters.WORDPRESS_MISSING), reason=str(interpreters.WORDPRESS_MISSING))


def test_the_life_of_the_plugin(app: Flask, tmp_path: Path) -> None:
    site = wordpress_site.unpack(tmp_path / "wordpress")
    with run_server(app) as url:
        with app.app_context():
            db.run_in_transaction(lambda session: general.set_public_url(session, get_runtime().config, url))
        done = wordpress_site.run(site, "plugin_test.php", begin(app, set_url=False))
    results = [json.loads(line) for line in done.text.splitlines() if line.startswith("{")]
    assert done.status == 0, done
    assert len(results) == 10, done
    assert [f"{each['name']}: {each['why']}" for each in results if each["why"]] == []
    with app.app_context():
        session = db.session()
        shop = connected_shops.get(session, connected_shops.get_by_name(session, "mugs").id)
        report = plugin_report.read(shop)
    assert shop.home_url
    assert report is not None
    assert (report.php_version, report.wordpress_version[:3], report.currency) == ("7.4.33", "6.4", "EUR")
