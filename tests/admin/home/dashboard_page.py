"""Reading the Dashboard as words."""

import re

from tests.admin.page_text import plain


def needs(text: str) -> list[str]:
    """What needs a hand, as words."""
    return [plain(each) for each in re.findall(r'<li class="need [^>]+>(.*?)</li>', text, re.DOTALL)]


def tiles(text: str) -> list[str]:
    """The sites, as words."""
    inside = text.partition('<ul class="tiles">')[2].partition("</ul>")[0]
    return [plain(each) for each in re.findall(r"<li[ >].*?</li>", inside, re.DOTALL)]


def table(text: str, label: str) -> list[list[str]]:
    """A table's cells, row by row."""
    body = text.partition(f'aria-label="{label}')[2].partition("<tbody")[2].partition("</tbody>")[0]
    found = re.findall(r'<tr role="row">(.*?)</tr>', body, re.DOTALL)
    return [[plain(cell) for cell in re.findall(r"<t[hd] .*?</t[hd]>", row, re.DOTALL)] for row in found]
