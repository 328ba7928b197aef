"""Goes through the whole panel by its links, as a browser behind a proxy sees them."""

import re
from collections import Counter, deque
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests
from flask import Flask
from werkzeug.exceptions import HTTPException

MAX_PAGES = 500
PAGES_PER_VIEW = 2
"""How many pages of one view are looked at: the others come from the same template."""

ACCEPTED_STATUSES = (200, 409)
"""A page, or one that says why this cannot be done now: of a password, for whom the proxy signs in."""

REMOTES = "https://shop-"
"""How the remotes' own URLs begin: a name on the Dashboard leads there."""

NAMED_IN_MANUAL = ("https://docs.astral.sh/", "https://www.standardwebhooks.com/")
"""The sites that the manual links to, in a new tab."""

NON_URL_ATTRIBUTES = {"value", "placeholder", "content", "d", "title", "alt", "pattern", "aria-label", "xmlns"}
IN_STYLE = re.compile(r"""url\(["']?([^"')]+)|@import ["']([^"']+)""")
IN_SCRIPT = re.compile(r"""(?:from|import)\s*\(?["']([^"']+)["']""")


class _Page(HTMLParser):
    """The addresses on a page, and its forms."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.forms: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        sends = {"formaction"} | ({"action"} if known.get("method") == "post" else set())
        for name, value in attrs:
            is_address = name in ("href", "src", "action") or re.match(r"/|https?:|\?", value or "")
            if name in sends:
                self.forms.append(value or "")
            elif name not in NON_URL_ATTRIBUTES and value and is_address:
                self.addresses.append(value)
        if tag == "form" and known.get("method") == "post" and "action" not in known:
            self.forms.append("")


class LinkCrawl:
    """What was found below `root` (a URL without a slash at its end): `problems` is to be empty."""

    def __init__(self, browser: requests.Session, app: Flask, root: str) -> None:
        self.browser = browser
        self.root = root
        self.problems: list[str] = []
        self.views: Counter[str] = Counter()
        self.forms: set[str] = set()
        self._routes = app.url_map.bind("")
        self._seen: set[str] = set()
        self._queue: deque[tuple[str, str]] = deque()
        self._note(f"{root}/", f"{root}/")

    def go(self) -> "LinkCrawl":
        """Through everything."""
        while self._queue and len(self._seen) < MAX_PAGES:
            url, came_from = self._queue.popleft()
            self._look(url, came_from)
        assert not self._queue, "more pages than expected"
        return self

    def _look(self, url: str, came_from: str) -> None:
        answer = self.browser.get(url, allow_redirects=False)
        if 300 <= answer.status_code < 400:
            self._note(url, answer.headers["Location"])
        elif answer.status_code not in ACCEPTED_STATUSES:
            self.problems.append(f"{answer.status_code} {url}, linked from {came_from}")
        kind = answer.headers.get("Content-Type", "")
        if kind.startswith("text/html"):
            page = _Page(answer.text)
            for address in page.addresses:
                self._note(url, address)
            for action in page.forms:
                self._send(url, action)
        elif "css" in kind:
            for found in IN_STYLE.findall(answer.text):
                self._note(url, found[0] or found[1])
        elif "javascript" in kind:
            for found in IN_SCRIPT.findall(answer.text):
                self._note(url, found)

    def _send(self, url: str, action: str) -> None:
        """A form without its token: it arrives, and changes nothing."""
        there = urljoin(url, action or url)
        view = self._view(there, "POST")
        if not self._is_below(url, there) or view in self.forms:
            return
        self.forms.add(view)
        answer = self.browser.post(there, allow_redirects=False, headers={"Origin": self._origin(url)})
        if answer.status_code != 400 or "out of date" not in answer.text:
            self.problems.append(f"{answer.status_code} to a form of {url}: {there}")

    def _note(self, url: str, address: str) -> None:
        if address.startswith(("data:", REMOTES, *NAMED_IN_MANUAL)):
            return
        there = urljoin(url, address).partition("#")[0]
        if not self._is_below(url, there) or there in self._seen:
            return
        view = self._view(there, "GET")
        if self.views[view] >= PAGES_PER_VIEW and view != "static":
            return
        if view:  # what only answers to forms has none, and is asked by its forms
            self._seen.add(there)
            self.views[view] += 1
            self._queue.append((there, url))

    def _is_below(self, url: str, there: str) -> bool:
        if there.startswith(f"{self.root}/"):
            return True
        self.problems.append(f"{url} leads to {there}")
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
