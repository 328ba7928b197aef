"""Under `/back-office/points/`, with or without the prefix in the path: all pages are reached, no link leaves it."""

from flask import Flask

from tests.proxy.conftest import PREFIX, Proxy
from tests.proxy.link_crawler import LinkCrawl

PAGES, FORMS, FILES = 40, 40, 2


def test_every_page_form_and_file_exists_and_no_link_leaves_the_prefix(proxy: Proxy, app: Flask) -> None:
    found = LinkCrawl(proxy.browser(), app, proxy.url + PREFIX).run()
    assert found.problems == []
    assert len([view for view in found.views if view.startswith("admin.")]) > PAGES
    assert len(found.forms) > FORMS
    assert found.views["static"] > FILES
