"""The panel's blueprint, and how its views answer with a page."""

import re
from typing import Any

from flask import Blueprint, render_template
from flask_login import current_user

from pointsync.admin import errors, headers

blueprint = Blueprint("admin", __name__)
_TURNS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

errors.register(blueprint)
blueprint.after_request(headers.add)


@blueprint.app_template_filter("plain")
def plain(text: str | None) -> str:
    """What another site told, without the marks that turn the direction of writing and so disguise a text."""
    return _TURNS.sub("", text or "")


def page(template: str, **values: Any) -> str:
    """A page in the panel's look, which names the admin who is signed in."""
    return render_template(f"admin/{template}", admin=current_user, **values)
