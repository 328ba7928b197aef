"""The panel's blueprint, and how its views render pages."""

from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_login import current_user

from pointsync import __version__
from pointsync.admin.shell import error_pages, menu, security_headers

LIVE_HEADER = "X-Live"
"""Sent by the script that refreshes an open page. Flashed messages stay for the next page that an admin opens."""
DIALOG_HEADER = "X-Dialog"
"""Sent by the script that shows a form in a dialog. It, not the browser, handles redirects."""

blueprint = Blueprint("admin", __name__)


@blueprint.after_request
def redirect_dialog(response: Response) -> Response:
    """Answer a dialog with 204 and `X-Location` in place of a redirect.

    If the script followed a redirect, it would use up the messages that were flashed for the next page.
    """
    if request.headers.get(DIALOG_HEADER) and response.status_code == 303:
        response.headers["X-Location"] = response.headers.pop("Location")
        response.status_code, response.data = 204, b""
    return response


error_pages.register(blueprint)
blueprint.after_request(security_headers.add)


def parse_row_id(text: str | None) -> int | None:
    """The row id in a query parameter or hidden field; None if it cannot be one."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None


def render_page(template: str, tab: str | None = None, **values: Any) -> str:
    """Render a page of the panel. `tab` is the endpoint of the tab that it belongs to."""
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
