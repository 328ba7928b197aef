"""Under `/back-office/points/`, with or without the prefix in the path: all pages are reached, no link leaves it."""

import pytest
from flask import Flask

from tests.proxy.conftest import PREFIX, Proxy
from tests.proxy.link_crawler import LinkCrawl

OTHER_PROXIES = ("nginx_stripping", "caddy")
PAGES, FORMS, FILES = 40, 40, 2
FIRST_VISITS = 25
"""The Dashboard, its files, and the pages that the menu leads to."""


@pytest.mark.parametrize(
    "proxy",
    ["nginx", *(pytest.param(name, marks=pytest.mark.long) for name in OTHER_PROXIES)],
    indirect=True,
)
def test_every_page_form_and_file_exists_and_no_link_leaves_the_prefix(proxy: Proxy, app: Flask) -> None:
    found = LinkCrawl(proxy.browser(), app, proxy.url + PREFIX).run()
    assert found.problems == []
    assert len([view for view in found.views if view.startswith("admin.")]) > PAGES
    assert len(found.forms) > FORMS
    assert found.views["static"] > FILES


@pytest.mark.parametrize("proxy", OTHER_PROXIES, indirect=True)
def test_the_first_pages_with_other_proxies(proxy: Proxy, app: Flask) -> None:
    """Before a page is built, the site makes the same of the paths and headers of all proxies."""
    found = LinkCrawl(proxy.browser(), app, proxy.url + PREFIX).run_first(FIRST_VISITS)
    assert found.problems == []
    assert len([view for view in found.views if view.startswith("admin.")]) > 5
    assert found.forms
    assert found.views["static"] > FILES
