"""The manual: its pages, and the search."""

from typing import Any

from flask import abort, get_template_attribute, request, send_from_directory, url_for
from flask.typing import ResponseReturnValue

from pointsync.admin.manual import pages
from pointsync.admin.manual.help_links import manual_url
from pointsync.admin.manual.pages import INDEX, Manual, Page
from pointsync.admin.manual.search import MAX_QUERY_LENGTH, clean_query, search
from pointsync.admin.shell.panel import blueprint, render_page

TAB = "admin.manual"
MIN_HEADINGS = 4
"""A page with this many headings has a list of them."""


@blueprint.get("/manual")
def manual() -> ResponseReturnValue:
    """The first page, or what `q` finds."""
    content = pages.read()
    query = clean_query(request.args.get("q", ""))
    if not query:
        return _show_page(content, content.pages[INDEX])
    return _render("search.html", content, shown=None, query=query, results=search(content, query))


@blueprint.get("/manual/<page>")
def manual_page(page: str) -> ResponseReturnValue:
    """One page."""
    content = pages.read()
    if page == INDEX or page not in content.pages:
        abort(404)
    return _show_page(content, content.pages[page])


@blueprint.get("/manual/pictures/<name>")
def manual_picture(name: str) -> ResponseReturnValue:
    """One picture."""
    return send_from_directory(pages.PICTURES, name, mimetype="image/png")


def _show_page(content: Manual, page: Page) -> str:
    before, after = content.neighbours(page.name)
    headings = [section for section in page.sections if section.level in (2, 3)]
    code_block = get_template_attribute("admin/manual/code_block.html", "code_block")
    urls = tuple((name, manual_url(name)) for name in content.pages)
    names = sorted(path.name for path in pages.PICTURES.glob("*.png"))
    pictures = tuple((name, url_for("admin.manual_picture", name=name)) for name in names)
    return _render(
        "page.html",
        content,
        shown=page.name,
        query="",
        page=page,
        html=pages.render(page, urls, pictures, code_block),
        headings=headings if len(headings) >= MIN_HEADINGS else [],
        before=before,
        after=after,
    )


def _render(template: str, content: Manual, **values: Any) -> str:
    return render_page(f"manual/{template}", TAB, manual=content, max_query_length=MAX_QUERY_LENGTH, **values)
