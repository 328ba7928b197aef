"""The panel's blueprint, and how its views answer with a page."""

import re
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_login import current_user

from pointsync.admin.shell import error_pages, menu, security_headers

LIVE = "X-Live"
"""Sent by a script that refreshes what is live on an open page: notices are left for whoever reads them."""
DIALOG = "X-Dialog"
"""Sent by a script that shows a form in a dialog: where to go next is told to it instead of to the browser."""

blueprint = Blueprint("admin", __name__)
_TURNS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@blueprint.after_request
def tell_dialog(response: Response) -> Response:
    """A redirect as 204 with `X-Location`: followed by a script, it would use up the next page's notices."""
    if request.headers.get(DIALOG) and response.status_code == 303:
        response.headers["X-Location"] = response.headers.pop("Location")
        response.status_code, response.data = 204, b""
    return response


error_pages.register(blueprint)
blueprint.after_request(security_headers.add)


@blueprint.app_template_filter("plain")
def plain(text: str | None) -> str:
    """What another site told, without the marks that turn the direction of writing and so disguise a text."""
    return _TURNS.sub("", text or "")


@blueprint.app_template_filter("number")
def number(value: int) -> str:
    """A whole number as people read it, with a real minus sign."""
    return f"{value:,}".replace("-", "−")


@blueprint.app_template_filter("signed")
def signed(value: int) -> str:
    """A change of points: with its sign, whichever it is."""
    return f"{value:+,}".replace("-", "−")


def row_number(text: str | None) -> int | None:
    """A row's number out of a query or a hidden field; None for anything that cannot be one."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None


def page(template: str, tab: str | None = None, **values: Any) -> str:
    """A page in the panel's look, which names the admin who is signed in; `tab` is the view of its tab."""
    section, here = menu.place(tab)
    return render_template(
        f"admin/{template}",
        admin=current_user,
        menu=menu.MENU,
        section=section,
        tab=here,
        is_live=LIVE in request.headers,
        **values,
    )
