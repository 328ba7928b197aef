"""The panel inside another page, such as the shop's back office: `?embed=1` hides its header and menu.

The parameter is in the URL and is added to every link. A cookie would not do, since a browser may show the panel in a
frame and in its own window at the same time.
"""

from typing import Any

from flask import has_request_context, request

from pointsync.admin.shell.panel import blueprint

QUERY_PARAMETER = "embed"


@blueprint.app_template_global()
def is_embedded() -> bool:
    """Whether the panel's header and menu are hidden."""
    return has_request_context() and request.args.get(QUERY_PARAMETER) == "1"


@blueprint.url_defaults
def keep_embed_parameter(_endpoint: str, values: dict[str, Any]) -> None:
    """Add the parameter to each URL of the panel in a page or redirect."""
    if is_embedded():
        values.setdefault(QUERY_PARAMETER, "1")
