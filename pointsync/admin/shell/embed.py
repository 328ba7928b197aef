"""Shown within another page: `?embed=1` leaves out what that page has itself, and goes along with every link.

It stands in the address, not in a cookie: a browser may show the panel in a frame and in a window of its own at once.
"""

from typing import Any

from flask import has_request_context, request

from pointsync.admin.shell.panel import blueprint

QUERY_PARAMETER = "embed"


@blueprint.app_template_global()
def is_embedded() -> bool:
    """Whether the panel's own header and menu are left out."""
    return has_request_context() and request.args.get(QUERY_PARAMETER) == "1"


@blueprint.url_defaults
def keep_embed_parameter(_endpoint: str, values: dict[str, Any]) -> None:
    """Let each address of the panel that a page or a redirect names say so, too."""
    if is_embedded():
        values.setdefault(QUERY_PARAMETER, "1")
