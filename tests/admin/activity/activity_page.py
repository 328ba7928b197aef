"""Read the pages of System › Activity."""

import html
import re

from tests.admin.page_text import text_of

PAGE = "/system/activity"
LIST_PAGES = (PAGE, f"{PAGE}/below-zero", f"{PAGE}/attempts", f"{PAGE}/changes")


def row_texts(text: str) -> list[str]:
    """The text of each row of the list."""
    body = text.partition("<tbody")[2].partition("</tbody>")[0]
    return [text_of(row) for row in body.split('<tr role="row">')[1:]]


def pager_link(text: str, name: str) -> str | None:
    """The link of a step of the pager; None if there is no such page."""
    match = re.search(rf'<a class="pager-step" href="([^"]+)" aria-label="{name}"', text)
    return html.unescape(match[1]) if match else None


def empty_text(text: str) -> str:
    """The text shown in place of an empty list."""
    assert "<table" not in text
    return text_of(text.partition('<div class="empty-state"')[2].partition(">")[2].partition("</div>")[0])
