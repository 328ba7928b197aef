"""Signed in by the shop's proxy: whom it names is asked anew on each request, and nothing stands in for it."""

from flask import request
from flask_login import UserMixin
from werkzeug.exceptions import Forbidden

from pointsync import db
from pointsync.accounts import admins
from pointsync.runtime import get_runtime
from pointsync.web.trusted_proxy import IDENTITY_KEY

COOKIE_PREFIX = "proxy:"
"""How the browser's cookie begins to tell of such an admin; a sign-in's token has no colon."""

ANYONE = "*"

_UNKNOWN_ADMIN_MESSAGE = (
    "The shop’s proxy has signed you in as “{}”, who is no admin of this panel. "
    "Whoever runs it can add this name to POINTSYNC_PROXY_AUTH_ADMINS."
)
_DISABLED_ADMIN_MESSAGE = (
    "The shop’s proxy has signed you in as “{}”, an admin who is disabled. Ask another admin to enable you again."
)
_INVALID_NAME_MESSAGE = (
    "The shop’s proxy has named more than one person, or somebody with a name that cannot be. "
    "Whoever runs it can see to that: it must send the header of POINTSYNC_PROXY_AUTH_HEADER once, with one name."
)


class ProxyAccount(UserMixin):  # type: ignore[misc]
    """An admin whom the proxy has named: they have no password here, and no row."""

    admin_id = None
    sign_in_id = None
    is_by_proxy = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_id(self) -> str:
        """What the browser's cookie says of them; by itself it is worth nothing."""
        return COOKIE_PREFIX + self.name


def get_admin_name() -> str | None:
    """Whom the trusted proxy names in this request; None where it names nobody.

    Raises Forbidden for who is no admin, or a disabled one: there is no other way in for them.
    """
    header_value = request.environ.get(IDENTITY_KEY)
    if header_value is None:
        return None
    name, allowed_names = admins.normalise_name(header_value), get_allowed_names()
    # A server puts a comma between two headers of the same name.
    if "," in name or not admins.is_valid_name(name):
        raise Forbidden(_INVALID_NAME_MESSAGE)
    if ANYONE not in allowed_names and name not in map(admins.normalise_name, allowed_names):
        raise Forbidden(_UNKNOWN_ADMIN_MESSAGE.format(name))
    if admins.is_disabled(db.session(), name):
        raise Forbidden(_DISABLED_ADMIN_MESSAGE.format(name))
    return name


def get_allowed_names() -> tuple[str, ...]:
    """The names that are admins once the proxy says so, or `*` for whomever it names; none where it is not asked."""
    config = get_runtime().config
    return config.proxy_auth_admins if config.proxy_auth_header else ()


def load_account(user_id: str) -> ProxyAccount | None:
    """Whom a cookie means; None where the proxy does not name them now."""
    try:
        name = get_admin_name()
    except Forbidden:
        return None
    return ProxyAccount(name) if name is not None and user_id == COOKIE_PREFIX + name else None
