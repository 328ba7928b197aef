"""Follows every link of the panel, as a browser behind a proxy sees them."""

import re
from collections import Counter, deque
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests
from flask import Flask
from werkzeug.exceptions import HTTPException

MAX_PAGES = 500
PAGES_PER_VIEW = 2
"""The number of pages of one view that are checked. The others have the same template."""

ACCEPTED_STATUSES = (200, 409)
"""A page, or one that says why it is not available, such as the password of a user whom the proxy signs in."""

REMOTES = "https://shop-"
"""The start of the remotes' URLs, to which the Dashboard links."""

NAMED_IN_MANUAL = ("https://docs.astral.sh/", "https://www.standardwebhooks.com/")
"""The sites that the manual links to, in a new tab."""

NON_URL_ATTRIBUTES = {"value", "placeholder", "content", "d", "title", "alt", "pattern", "aria-label", "xmlns"}
IN_STYLE = re.compile(r"""url\(["']?([^"')]+)|@import ["']([^"']+)""")
IN_SCRIPT = re.compile(r"""(?:from|import)\s*\(?["']([^"']+)["']""")


class _Page(HTMLParser):
    """The addresses and the forms of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.forms: list[str] = []
        self._is_in_own_form = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        actions = {"formaction"} | ({"action"} if values.get("method") == "post" else set())
        for name, value in attrs:
            is_address = name in ("href", "src", "action") or re.match(r"/|https?:|\?", value or "")
            if name in actions:
                self.forms.append(value or "")
            elif name not in NON_URL_ATTRIBUTES and value and is_address:
                self.addresses.append(value)
        if tag == "form":
            self._is_in_own_form = values.get("method") == "post" and "action" not in values
        # A form without an action is sent to its own page, unless only buttons with a formaction can send it.
        is_control = tag in ("button", "input", "select", "textarea") and values.get("type") != "hidden"
        if self._is_in_own_form and is_control and "formaction" not in values:
            self.forms.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_in_own_form = False


class LinkCrawl:
    """The result of a crawl below `root` (a URL without a slash at its end). `problems` should be empty."""

    def __init__(self, browser: requests.Session, app: Flask, root: str) -> None:
        self.browser = browser
        self.root = root
        self.problems: list[str] = []
        self.views: Counter[str] = Counter()
        self.forms: set[str] = set()
        self._routes = app.url_map.bind("")
        self._seen: set[str] = set()
        self._queue: deque[tuple[str, str]] = deque()
        self._enqueue(f"{root}/", f"{root}/")

    def run(self) -> "LinkCrawl":
        """Follow all links."""
        while self._queue and len(self._seen) < MAX_PAGES:
            url, came_from = self._queue.popleft()
            self._visit(url, came_from)
        assert not self._queue, "more pages than expected"
        return self

    def run_first(self, visits: int) -> "LinkCrawl":
        """Follow so many links, those of the first pages."""
        for _ in range(visits):
            self._visit(*self._queue.popleft())
        return self

    def _visit(self, url: str, came_from: str) -> None:
        answer = self.browser.get(url, allow_redirects=False)
        if 300 <= answer.status_code < 400:
            self._enqueue(url, answer.headers["Location"])
        elif answer.status_code not in ACCEPTED_STATUSES:
            self.problems.append(f"{answer.status_code} {url}, linked from {came_from}")
        kind = answer.headers.get("Content-Type", "")
        if kind.startswith("text/html"):
            page = _Page(answer.text)
            for address in page.addresses:
                self._enqueue(url, address)
            for action in page.forms:
                self._send_form(url, action)
        elif "css" in kind:
            for found in IN_STYLE.findall(answer.text):
                self._enqueue(url, found[0] or found[1])
        elif "javascript" in kind:
            for found in IN_SCRIPT.findall(answer.text):
                self._enqueue(url, found)

    def _send_form(self, url: str, action: str) -> None:
        """Send a form without its token. It must arrive and change nothing."""
        target = urljoin(url, action or url)
        view = self._view(target, "POST")
        if not self._is_below(url, target) or view in self.forms:
            return
        self.forms.add(view)
        answer = self.browser.post(target, allow_redirects=False, headers={"Origin": self._origin(url)})
        if answer.status_code != 400 or "out of date" not in answer.text:
            self.problems.append(f"{answer.status_code} to a form of {url}: {target}")

    def _enqueue(self, url: str, address: str) -> None:
        if address.startswith(("data:", REMOTES, *NAMED_IN_MANUAL)):
            return
        target = urljoin(url, address).partition("#")[0]
        if not self._is_below(url, target) or target in self._seen:
            return
        view = self._view(target, "GET")
        if self.views[view] >= PAGES_PER_VIEW and view != "static":
            return
        if view:  # a view that only accepts forms has none, and is checked by its forms
            self._seen.add(target)
            self.views[view] += 1
            self._queue.append((target, url))

    def _is_below(self, url: str, target: str) -> bool:
        if target.startswith(f"{self.root}/"):
            return True
        self.problems.append(f"{url} leads to {target}")
        return False

    def _view(self, url: str, method: str) -> str:
        path = urlsplit(url).path.removeprefix(urlsplit(self.root).path)
        try:
            return str(self._routes.match(path, method=method)[0])
        except HTTPException:
            if method == "GET" and self._routes.allowed_methods(path):
                return ""
            return "nothing"

    @staticmethod
    def _origin(url: str) -> str:
        return "{0.scheme}://{0.netloc}".format(urlsplit(url))
