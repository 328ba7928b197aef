"""Reading the Dashboard's text."""

import re

from tests.admin.page_text import text_of


def attention_texts(text: str) -> list[str]:
    """The items that need attention, as text."""
    return [text_of(each) for each in re.findall(r'<li class="attention-item [^>]+>(.*?)</li>', text, re.DOTALL)]


def site_texts(text: str) -> list[str]:
    """The sites, as text."""
    inside = text.partition('<ul class="tiles">')[2].partition("</ul>")[0]
    return [text_of(each) for each in re.findall(r"<li[ >].*?</li>", inside, re.DOTALL)]


def table_cells(text: str, label: str) -> list[list[str]]:
    """A table's cells, row by row."""
    body = text.partition(f'aria-label="{label}')[2].partition("<tbody")[2].partition("</tbody>")[0]
    found = re.findall(r'<tr role="row">(.*?)</tr>', body, re.DOTALL)
    return [[text_of(cell) for cell in re.findall(r"<t[hd] .*?</t[hd]>", row, re.DOTALL)] for row in found]
