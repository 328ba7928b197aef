"""The manual's pages in the panel: all of them, their links, and nothing but Markdown in them."""

import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from flask import Flask

import pointsync
from pointsync.admin.manual import help_links, pages
from pointsync.admin.shell.menu import MENU
from tests.admin.page_text import main_text
from tests.support.panel_client import PanelClient
from tests.support.paths import CHECKOUT, MANUAL

NAMES = sorted(path.stem for path in MANUAL.glob("*.md"))
MARKDOWN_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
KNOWN_TAGS = {
    *("p", "ul", "ol", "li", "strong", "em", "code", "a", "h1", "h2", "h3", "div", "table", "thead", "tbody", "tr"),
    *("th", "td", "pre", "button", "svg", "path", "span", "img"),
}


def address(name: str) -> str:
    """Where the panel shows a page."""
    return "/manual" if name == pages.INDEX else f"/manual/{name}"


def github_anchors(name: str) -> set[str]:
    """The anchors of a file's headings, as the repository's host names them; made anew from its text."""
    counts: dict[str, int] = {}
    anchors = set()
    for title in re.findall(r"^#+ (.+)$", FENCE.sub("", (MANUAL / f"{name}.md").read_text()), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", title).strip().lower()
        slug = "".join(each for each in words if each.isalnum() or each in "-_ ").replace(" ", "-")
        anchors.add(f"{slug}-{counts[slug]}" if slug in counts else slug)
        counts[slug] = counts.get(slug, 0) + 1
    return anchors


class Article(HTMLParser):
    """The tags, ids and links of what was made of a page's Markdown."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.links.append(value or "")


def article(text: str) -> str:
    """The part of a page that is made of Markdown."""
    return text.partition('<article class="manual-page">')[2].partition("</article>")[0]


@pytest.fixture
def every_page(ada: PanelClient) -> dict[str, str]:
    """The HTML of all pages, by their paths."""
    return {address(name): ada.get(address(name)).text for name in NAMES}


def render(app: Flask, text: str) -> str:
    """Markdown as the panel shows it."""
    with app.test_request_context("/manual"):
        page = pages.parse("made-up", text)
        urls = (("index", "/manual"), ("points", "/manual/points"))
        return str(pages.render(page, urls, (), lambda number, code: f"<pre>{len(code)}</pre>"))


def test_a_stranger_is_sent_to_sign_in(stranger: PanelClient) -> None:
    for path in ("/manual", "/manual?q=backup", "/manual/backups", "/manual/nothing"):
        answer = stranger.get(path)
        assert answer.status_code == 303
        assert answer.location.startswith("/sign-in?next=%2Fmanual") or answer.location.startswith(
            "/sign-in?next=/manual"
        )


@pytest.mark.parametrize(
    "name", ["nothing", "index", "backups.md", "..", "..%2f..%2fREADME", "%2e%2e", "a" * 300, "Backups"]
)
def test_a_page_that_is_not_there(ada: PanelClient, name: str) -> None:
    assert ada.get(f"/manual/{name}").status_code == 404


def test_each_page_is_shown_with_its_title_and_the_way_on(every_page: dict[str, str]) -> None:
    assert len(NAMES) > 15
    for path, text in every_page.items():
        name = path.removeprefix("/manual").lstrip("/") or pages.INDEX
        title = (MANUAL / f"{name}.md").read_text().splitlines()[0].removeprefix("# ")
        assert f">{title}</h1>" in article(text), name
        assert text.count("<h1") == 1
        assert text.count('aria-current="page"') >= 3  # in both lists of pages, and above them
        assert ("Next page" in text) or ("Previous page" in text)


def test_every_page_is_in_one_group_of_the_index() -> None:
    manual = pages.read()
    listed = [name for group in manual.groups for name, _ in group.pages]
    assert sorted([pages.INDEX, *listed]) == NAMES
    assert list(manual.pages) == [pages.INDEX, *listed]
    assert [group.title for group in manual.groups][:2] == ["Set up", "Run"]


def test_pages_follow_one_another() -> None:
    manual = pages.read()
    names = list(manual.pages)
    steps = [manual.neighbours(name) for name in names]
    assert [before and before.name for before, _ in steps] == [None, *names[:-1]]
    assert [after and after.name for _, after in steps] == [*names[1:], None]


def test_anchors_are_those_of_the_repositorys_host() -> None:
    for name, page in pages.read().pages.items():
        assert page.anchors == github_anchors(name), name


def test_every_link_in_the_files_leads_somewhere() -> None:
    for name in NAMES:
        for link in MARKDOWN_LINK.findall(FENCE.sub("", (MANUAL / f"{name}.md").read_text())):
            if link.startswith("https://"):
                continue
            path, _, anchor = link.partition("#")
            target = (MANUAL / path).resolve() if path else MANUAL / f"{name}.md"
            assert target.is_file(), (name, link)
            assert target.is_relative_to(CHECKOUT), (name, link)
            if target.parent == MANUAL:
                assert not anchor or anchor in github_anchors(target.stem), (name, link)


def test_every_link_in_the_panel_leads_somewhere(every_page: dict[str, str]) -> None:
    found = {path: Article(article(text)) for path, text in every_page.items()}
    links = 0
    for path, parsed in found.items():
        for link in parsed.links:
            parts = urlsplit(link)
            if parts.scheme:
                assert parts.scheme == "https", (path, link)
                continue
            target = parts.path or path
            assert target in found, (path, link)
            assert not parts.fragment or unquote(parts.fragment) in found[target].ids, (path, link)
            links += 1
    assert links > 100


def test_nothing_but_markdown_is_in_the_pages(every_page: dict[str, str]) -> None:
    for path, text in every_page.items():
        parsed = Article(article(text))
        assert parsed.tags <= KNOWN_TAGS, (path, parsed.tags - KNOWN_TAGS)
        assert not parsed.attributes & {"style", "onclick"}
        assert all(each.startswith("/manual/pictures/") for each in re.findall(r"src=\"([^\"]*)\"", article(text)))
        assert "<!--" not in text
        assert "&lt;!--" not in text
        ids = re.findall(r' id="([^"]+)"', text)
        assert len(ids) == len(set(ids)), path


def test_html_is_shown_as_text_and_comments_are_left_out(app: Flask) -> None:
    html = render(
        app,
        "# Title\n\n<!-- a mark -->\n```\n<!-- kept -->\n```\n<!-- end -->\n\n<script>alert(1)</script>\n\n"
        "a <b>bold</b> <img src=x onerror=alert(1)> `<!-- kept, too -->`\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n",
    )
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<b>" not in html
    assert "<img" not in html
    assert "a mark" not in html
    assert "end" not in html
    assert "<pre>13</pre>" in html
    assert "&lt;!-- kept, too --&gt;" in html
    assert "style" not in html
    assert '<td role="cell" data-label="b" class="number">2</td>' in html


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("points.md", '<a href="/manual/points">words</a>'),
        ("points.md#mails", '<a href="/manual/points#mails">words</a>'),
        ("index.md#x", '<a href="/manual#x">words</a>'),
        ("#title", '<a href="#title">words</a>'),
        ("../../CONTRIBUTING.md", "words"),
        ("../../CONTRIBUTING.md#tests", "words"),
        ("nothing.md", "words"),
        ("/etc/passwd", "words"),
        ("//evil.example", "words"),
        ("javascript:alert(1)", "[words](javascript:alert(1))"),
        ("data:text/html,x", "[words](data:text/html,x)"),
        (
            'https://a.example/?x=1&y="2"',
            '<a href="https://a.example/?x=1&amp;y=%222%22" target="_blank" rel="noopener noreferrer">words'
            '<span class="visually-hidden"> (opens a new tab)</span></a>',
        ),
    ],
)
def test_where_links_lead(app: Flask, link: str, expected: str) -> None:
    assert render(app, f"# Title\n\n[words]({link})\n").split("\n")[1].replace("&quot;", '"') == f"<p>{expected}</p>"


def test_the_same_heading_twice(app: Flask) -> None:
    html = render(app, "# Title\n\n## A `b` c’s: d\n\n## A `b` c’s: d\n")
    assert re.findall(r'id="([^"]+)"', html) == ["title", "a-b-cs-d", "a-b-cs-d-1"]


def test_a_file_that_changes_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index.md"
    index.write_text("# One\n")
    monkeypatch.setattr(pages, "FOLDER", tmp_path)
    first = pages.read()
    assert first.pages["index"].title == "One"
    assert pages.read() is first
    index.write_text("# Two\n")
    os.utime(index, ns=(1, 1))
    assert pages.read().pages["index"].title == "Two"


def help_links_of_all_pages() -> Iterator[str]:
    """Every place in the manual that the panel links to."""
    yield from help_links.BY_TAB.values()
    yield from help_links.BY_VIEW.values()
    yield help_links.ERRORS


def test_every_help_link_leads_to_a_place_that_is_there(app: Flask) -> None:
    manual = pages.read()
    for place in help_links_of_all_pages():
        name, _, anchor = place.partition("#")
        assert name in manual.pages, place
        assert not anchor or anchor in manual.pages[name].anchors, place
    tabs = {tab.endpoint for section in MENU for tab in section.tabs}
    assert set(help_links.BY_TAB) == tabs - {"admin.manual"}
    assert set(help_links.BY_VIEW) <= set(app.view_functions)


def test_each_tab_links_to_its_part(app: Flask, ada: PanelClient) -> None:
    with app.test_request_context():
        paths = {place: app.url_for(endpoint) for endpoint, place in help_links.BY_TAB.items()}
    for place, path in paths.items():
        text = ada.get(path).text
        assert f'<a class="help-link" href="/manual/{place}">' in text, path
        assert f"PointSync {pointsync.__version__}" in text
        assert '<a href="/manual">Manual</a>' in text
        assert '<a href="/api/docs">API</a>' in text
    assert 'href="/manual/points#import">' in ada.get("/customers/import").text
    assert "help-link" not in ada.get("/manual").text


def test_strangers_do_not_learn_the_version(stranger: PanelClient) -> None:
    for path in ("/sign-in", "/nothing"):
        assert "PointSync 0." not in stranger.get(path).text


def test_error_pages_link_to_the_manual(ada: PanelClient) -> None:
    assert '<a href="/manual/troubleshooting#the-panel">' in ada.get("/nothing").text


def test_in_a_frame_and_under_a_prefix(ada: PanelClient) -> None:
    framed = ada.get("/manual/backups?embed=1").text
    assert 'href="/manual/keys?embed=1#when-a-sites-key-changes"' in framed
    assert '<a href="/api/docs" target="_blank" rel="noopener">' in framed
    assert '<header class="header">' not in framed
    prefixed = ada.get("/manual/backups", base_url="http://localhost/shop").text
    assert 'href="/shop/manual/keys#when-a-sites-key-changes"' in prefixed
    assert 'href="/manual' not in prefixed


def test_a_long_page_lists_its_headings_and_a_short_one_does_not(ada: PanelClient) -> None:
    assert "On this page" in ada.get("/manual/troubleshooting").text
    assert "On this page" not in ada.get("/manual/security").text
    assert "Sending stopped" in main_text(ada.get("/manual/troubleshooting").text)


MAX_PICTURE_BYTES = 60_000
PICTURE = re.compile(r"!\[([^\]]*)\]\((?:pictures/)?([^)\s]+)\)")


def test_the_pages_show_each_picture_with_words(ada: PanelClient) -> None:
    shown = {(name, *found) for name in NAMES for found in PICTURE.findall((MANUAL / f"{name}.md").read_text())}
    files = {path.name: path.stat().st_size for path in (MANUAL / "pictures").iterdir()}
    assert {file for _, _, file in shown} == set(files)
    assert max(files.values()) <= MAX_PICTURE_BYTES
    for name, words, file in shown:
        html = ada.get(address(name)).text
        found = re.search(rf'<img class="manual-picture" src="([^"]*/{file})" alt="([^"]*)" width="(\d+)" ', html)
        assert found, (name, file)
        assert len(words) > 20, "for people who do not see it"
        answer = ada.get(found[1])
        assert (answer.status_code, answer.mimetype) == (200, "image/png")
        assert int(found[3]) == int.from_bytes(answer.data[16:20], "big")


@pytest.mark.parametrize("path", ["other.png", "../index.md", "%2e%2e/index.md", "shop-rule.png/x"])
def test_nothing_but_pictures_is_served(ada: PanelClient, path: str) -> None:
    assert ada.get(f"/manual/pictures/{path}").status_code == 404


def test_a_picture_from_elsewhere_is_only_its_words() -> None:
    for source in ("https://evil.example/x.png", "../shop-rule.png", "pictures/unknown.png"):
        page = pages.parse("p", f"# P\n\n![A <b>mug</b>]({source})\n")
        html = pages.render(page, (), (("shop-rule.png", "/x"),), lambda _, text: text)
        assert "<img" not in html
        assert "A &lt;b&gt;mug" in html
