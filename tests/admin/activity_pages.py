"""Reading the pages of System › Activity as words."""

import html
import re
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

PAGE = "/system/activity"
LISTS = (PAGE, f"{PAGE}/below-zero", f"{PAGE}/attempts", f"{PAGE}/changes")

Change = Callable[[Callable[[Session], Any]], None]


def words(text: str) -> str:
    """Part of a page as words."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def rows(text: str) -> list[str]:
    """The list's rows as words."""
    body = text.partition("<tbody")[2].partition("</tbody>")[0]
    return [words(row) for row in body.split('<tr role="row">')[1:]]


def wrong(text: str) -> dict[str, str]:
    """What is wrong with each field of the form, by its id."""
    found = re.findall(r'id="(\w+)-wrong">(.*?)</p>', text)
    for name, _ in found:
        assert re.search(rf'aria-describedby="{name}-wrong" aria-invalid="true"[^>]* id="{name}"', text), name
    return {name: words(sentence) for name, sentence in found}


def way(text: str, name: str) -> str | None:
    """Where a step of the pager leads to; None where there is no such page."""
    found = re.search(rf'<a class="pager-step" href="([^"]+)" aria-label="{name}"', text)
    return html.unescape(found[1]) if found else None


def empty(text: str) -> str:
    """What is said in place of an empty list."""
    assert "<table" not in text
    return words(text.partition('<div class="empty">')[2].partition("</div>")[0])
