"""Reading the pages of System › Activity as words."""

import html
import re

from tests.admin.page_text import plain

PAGE = "/system/activity"
LISTS = (PAGE, f"{PAGE}/below-zero", f"{PAGE}/attempts", f"{PAGE}/changes")


def rows(text: str) -> list[str]:
    """The list's rows as words."""
    body = text.partition("<tbody")[2].partition("</tbody>")[0]
    return [plain(row) for row in body.split('<tr role="row">')[1:]]


def way(text: str, name: str) -> str | None:
    """Where a step of the pager leads to; None where there is no such page."""
    found = re.search(rf'<a class="pager-step" href="([^"]+)" aria-label="{name}"', text)
    return html.unescape(found[1]) if found else None


def empty(text: str) -> str:
    """What is said in place of an empty list."""
    assert "<table" not in text
    return plain(text.partition('<div class="empty">')[2].partition("</div>")[0])
