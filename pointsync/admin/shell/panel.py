"""The panel's blueprint, and how its views answer with a page."""

from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_login import current_user

from pointsync import __version__
from pointsync.admin.shell import error_pages, menu, security_headers

LIVE_HEADER = "X-Live"
"""Sent by a script that refreshes what is live on an open page: notices are left for whoever reads them."""
DIALOG_HEADER = "X-Dialog"
"""Sent by a script that shows a form in a dialog: where to go next is told to it instead of to the browser."""

blueprint = Blueprint("admin", __name__)


@blueprint.after_request
def redirect_dialog(response: Response) -> Response:
    """A redirect as 204 with `X-Location`: followed by a script, it would use up the next page's notices."""
    if request.headers.get(DIALOG_HEADER) and response.status_code == 303:
        response.headers["X-Location"] = response.headers.pop("Location")
        response.status_code, response.data = 204, b""
    return response


error_pages.register(blueprint)
blueprint.after_request(security_headers.add)


def parse_row_id(text: str | None) -> int | None:
    """A row's number out of a query or a hidden field; None for anything that cannot be one."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None


def render_page(template: str, tab: str | None = None, **values: Any) -> str:
    """A page in the panel's look, which names the admin who is signed in; `tab` is the view of its tab."""
    section, current_tab = menu.find_tab(tab)
    return render_template(
        f"admin/{template}",
        admin=current_user,
        menu=menu.MENU,
        section=section,
        tab=current_tab,
        version=__version__,
        shows_messages=LIVE_HEADER not in request.headers,
        **values,
    )
