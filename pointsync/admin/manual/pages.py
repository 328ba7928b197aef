"""The manual's Markdown files: read, split into sections, and turned into HTML."""

import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

FOLDER = Path(__file__).parents[2] / "manual"
PICTURES = FOLDER / "pictures"
INDEX = "index"
"""The page that lists the others, by group."""

MAX_UNBROKEN_CODE = 24
"""How many characters fit on a line of a phone."""

_COMMENT = re.compile(r"^<!--.*-->$\n?", re.MULTILINE)
_DIAGRAM = re.compile("[\u2500-\u257f]")  # lines of boxes
_DIAGRAM_START = '<pre class="code-block" role="group" aria-label="Diagram" tabindex="0"><code>'
_OPTION = re.compile(r"(?<!\S)--[\w-]+")
_OPTION_ON_ONE_LINE = r'<span class="nowrap">\g<0></span>'
_PAGE_LINK = re.compile(r"(?:([a-z0-9-]+)\.md)?(?:#([\w-]+))?")
_PICTURE = re.compile(r"pictures/([a-z0-9-]+\.png)")
_PNG_SIZE = struct.Struct(">16xII")
"""Width and height in the first chunk of a PNG file, IHDR: https://www.w3.org/TR/png-3/#11IHDR"""
_WEB_LINK = re.compile(r"https?://", re.IGNORECASE)
_WEB_LINK_END = '<span class="visually-hidden"> (opens a new tab)</span></a>'
_TABLE_ROLES = {
    "thead_open": "rowgroup",
    "tbody_open": "rowgroup",
    "tr_open": "row",
    "th_open": "columnheader",
    "td_open": "cell",
}
_OPEN_BLOCKS = {"paragraph_open", "tr_open"}
_CLOSE_BLOCKS = {"paragraph_close", "tr_close"}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of a page, and the text up to the next heading."""

    anchor: str
    title: str
    level: int
    blocks: tuple[str, ...]
    """Paragraphs, list items, rows of tables and code blocks, as plain text."""


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One file of the manual."""

    name: str
    """The file's name without `.md`."""
    sections: tuple[Section, ...]
    """The first one belongs to the page's title."""
    tokens: tuple[Token, ...]

    @property
    def title(self) -> str:
        """The first heading."""
        return self.sections[0].title

    @property
    def anchors(self) -> frozenset[str]:
        """The places on the page that a link can lead to."""
        return frozenset(section.anchor for section in self.sections)


@dataclass(frozen=True, slots=True)
class Group:
    """Pages that the index lists under one heading: names, with their titles there."""

    title: str
    pages: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Manual:
    """All pages by name, in the order of the index, and the groups of the index."""

    pages: Mapping[str, Page]
    groups: tuple[Group, ...]

    def neighbours(self, name: str) -> tuple[Page | None, Page | None]:
        """The pages before and after this one."""
        pages = list(self.pages.values())
        place = list(self.pages).index(name)
        return (pages[place - 1] if place else None), (pages[place + 1] if place + 1 < len(pages) else None)


def read() -> Manual:
    """The manual as it is on disk now; it is parsed again only if a file has changed."""
    return _parse_manual(tuple(sorted((path.stem, path.stat().st_mtime_ns) for path in FOLDER.glob("*.md"))))


@lru_cache(maxsize=1)
def _parse_manual(files: tuple[tuple[str, int], ...]) -> Manual:
    pages = {name: parse(name, (FOLDER / f"{name}.md").read_text(encoding="utf-8")) for name, _ in files}
    groups = _read_groups(pages[INDEX])
    listed = [name for group in groups for name, _ in group.pages if name in pages]
    order = dict.fromkeys([INDEX, *listed, *pages])
    return Manual({name: pages[name] for name in order}, groups)


def parse(name: str, text: str) -> Page:
    """A page out of its Markdown, which begins with a heading."""
    tokens = _markdown.parse(text)
    return Page(name, tuple(_split(tokens)), tuple(tokens))


def _read_groups(index: Page) -> tuple[Group, ...]:
    """The headings of the index under which list items begin with a link to a page."""
    groups: list[Group] = []
    title = ""
    pages: list[tuple[str, str]] = []
    for place, token in enumerate(index.tokens):
        if token.type == "heading_open":
            title, pages = _inline_text(index.tokens[place + 1]), []
        elif token.type == "list_item_open" and (link := _first_link(index.tokens[place + 2])):
            pages.append(link)
            groups = [*(group for group in groups if group.title != title), Group(title, tuple(pages))]
    return tuple(groups)


def _first_link(item: Token) -> tuple[str, str] | None:
    """The page that a list item begins with a link to, and the words of the link."""
    children = item.children or []
    if len(children) < 2 or children[0].type != "link_open":
        return None
    found = _PAGE_LINK.fullmatch(str(children[0].attrs["href"]))
    return (found[1], children[1].content) if found and found[1] else None


def _split(tokens: list[Token]) -> Iterator[Section]:
    """The sections of a page."""
    anchor, title, level = "", "", 1
    blocks: list[str] = []
    parts: list[str] = []
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            if title:
                yield Section(anchor, title, level, tuple(blocks))
            anchor, title, level = str(token.attrs["id"]), _inline_text(tokens[place + 1]), int(token.tag[1:])
            blocks = []
        elif token.type in _OPEN_BLOCKS:
            parts = []
        elif token.type == "inline" and tokens[place - 1].type != "heading_open":
            parts.append(_inline_text(token))
        elif token.type in _CLOSE_BLOCKS:
            blocks.append(" · ".join(part for part in parts if part))
        elif token.type in ("fence", "code_block"):
            blocks.append(" ".join(token.content.split()))
    yield Section(anchor, title, level, tuple(blocks))


def _inline_text(token: Token) -> str:
    return "".join(
        " " if child.type in ("softbreak", "hardbreak") else child.content for child in token.children or []
    ).strip()


def _slug(title: str, used: set[str]) -> str:
    """The anchor of a heading, as GitHub and GitLab name it, so that links work there, too."""
    words = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
    slug, number = words, 0
    while slug in used:
        number += 1
        slug = f"{words}-{number}"
    used.add(slug)
    return slug


def _drop_comments(state: StateCore) -> None:
    """Comments mark places for tests. Any other HTML is shown as the text that it is."""
    kept: list[Token] = []
    for token in state.tokens:
        if token.type == "inline":
            token.content = _COMMENT.sub("", token.content)
        kept.append(token)
        if token.type == "paragraph_close" and not kept[-2].content:
            del kept[-3:]
    state.tokens = kept


def _add_anchors(state: StateCore) -> None:
    """Give each heading its anchor; a second one with the same words gets a number."""
    used: set[str] = set()
    for token, inline in zip(state.tokens, state.tokens[1:], strict=False):
        if token.type == "heading_open":
            token.attrSet("id", _slug(_inline_text(inline), used))


def _set_table_attributes(state: StateCore) -> None:
    """Give each cell its column's head, which a phone shows above it, and no style, which the panel's policy forbids.

    Where a phone shows rows as cards, only the roles say that this is a table.
    """
    heads: list[str] = []
    column = 0
    for token, inline in zip(state.tokens, [*state.tokens[1:], None], strict=True):
        if role := _TABLE_ROLES.get(token.type):
            token.attrSet("role", role)
        if token.type == "table_open":
            heads = []
        elif token.type == "tr_open":
            column = 0
        elif token.type == "th_open" and inline:
            token.attrSet("scope", "col")
            heads.append(_inline_text(inline))
        elif token.type == "td_open":
            token.attrSet("data-label", heads[column])
            column += 1
        if "right" in str(token.attrs.pop("style", "")):
            token.attrSet("class", "number")


class _Renderer(RendererHTML):
    """HTML in the panel's look.

    `env` has the addresses of pages by name as `urls`, those of pictures as `pictures`, and as `code_block` the macro
    that shows code.
    """

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A picture of the manual, with its size, so that the text does not jump; of any other, only the words."""
        token = tokens[idx]
        found = _PICTURE.fullmatch(str(token.attrs["src"]))
        if not found or found[1] not in env["pictures"]:
            return escape(token.content)
        with (PICTURES / found[1]).open("rb") as file:
            width, height = _PNG_SIZE.unpack(file.read(_PNG_SIZE.size))
        url, alt = escape(env["pictures"][found[1]]), escape(token.content)
        return f'<img class="manual-picture" src="{url}" alt="{alt}" width="{width}" height="{height}" loading="lazy">'

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A link to a place in the manual or on the web. Of any other, such as one to a source file, only the words."""
        href = str(tokens[idx].attrs["href"])
        found = _PAGE_LINK.fullmatch(href)
        if _WEB_LINK.match(href):
            start, end = f'<a href="{escape(href)}" target="_blank" rel="noopener noreferrer">', _WEB_LINK_END
        elif found and (not found[1] or found[1] in env["urls"]):
            place = (env["urls"][found[1]] if found[1] else "") + (f"#{found[2]}" if found[2] else "")
            start, end = f'<a href="{escape(place)}">', "</a>"
        else:
            start, end = "", ""
        env["link_end"] = end
        return start

    def link_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The end of a link; links never hold links."""
        return str(env["link_end"])

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A table, which scrolls by itself where it is wider than the page."""
        return '<div class="manual-table" role="group" aria-label="Table" tabindex="0"><table role="table">\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The end of a table."""
        return "</table></div>\n"

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Code, with a button that copies it; or a diagram, whose lines must not be broken."""
        text = tokens[idx].content.rstrip("\n")
        if _DIAGRAM.search(text):
            return f"{_DIAGRAM_START}{escape(text)}</code></pre>\n"
        env["code_count"] = number = env.get("code_count", 0) + 1
        return str(env["code_block"](number, text))

    code_block = fence

    def code_inline(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Code in a sentence; a short one, or an option, stays on one line, which may otherwise end at each hyphen."""
        text = tokens[idx].content
        if len(text) <= MAX_UNBROKEN_CODE:
            return f'<code class="nowrap">{escape(text)}</code>'
        return f"<code>{_OPTION.sub(_OPTION_ON_ONE_LINE, escape(text))}</code>"


def _make_parser() -> MarkdownIt:
    """CommonMark with tables, without HTML."""
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable("table")
    parser.core.ruler.before("inline", "drop_comments", _drop_comments)
    parser.core.ruler.push("add_anchors", _add_anchors)
    parser.core.ruler.push("set_table_attributes", _set_table_attributes)
    return parser


_markdown = _make_parser()


@lru_cache(maxsize=64)
def render(
    page: Page,
    urls: tuple[tuple[str, str], ...],
    pictures: tuple[tuple[str, str], ...],
    code_block: Callable[[int, str], str],
) -> Markup:
    """A page as HTML; `urls` are the names of all pages, and `pictures` those of all pictures, each with its address.

    The addresses depend on the proxy's prefix and on `?embed=1`, so a page may be kept in a few forms.
    """
    env = {"urls": dict(urls), "pictures": dict(pictures), "code_block": code_block}
    return Markup(_markdown.renderer.render(page.tokens, _markdown.options, env))  # noqa: S704
