"""Admins signed in by the shop's proxy: every request must name the admin again."""

from flask import request
from flask_login import UserMixin
from werkzeug.exceptions import Forbidden

from pointsync import db
from pointsync.accounts import admins
from pointsync.runtime import get_runtime
from pointsync.web.trusted_proxy import IDENTITY_KEY

COOKIE_PREFIX = "proxy:"
"""The start of the session cookie's value for these admins. Tokens of other sign-ins contain no colon."""

ANYONE = "*"

_UNKNOWN_ADMIN_MESSAGE = (
    "The shop’s proxy signed you in as “{}”, who is not an admin of this panel. "
    "To allow it, add this name to POINTSYNC_PROXY_AUTH_ADMINS on the server."
)
_DISABLED_ADMIN_MESSAGE = (
    "The shop’s proxy signed you in as “{}”, but this admin is disabled. Ask another admin to enable the account again."
)
_INVALID_NAME_MESSAGE = (
    "The shop’s proxy sent more than one name, or an invalid one. "
    "It must send the header of POINTSYNC_PROXY_AUTH_HEADER once, with one name."
)


class ProxyAccount(UserMixin):  # type: ignore[misc]
    """An admin that the proxy names. They have no password and no row in the database."""

    admin_id = None
    sign_in_id = None
    is_by_proxy = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_id(self) -> str:
        """The value of the session cookie. It is not valid without the proxy's header."""
        return COOKIE_PREFIX + self.name


def get_admin_name() -> str | None:
    """The admin that the trusted proxy names in this request; None if it names nobody.

    Raises Forbidden for a name that is not an admin's, or a disabled admin's.
    """
    header_value = request.environ.get(IDENTITY_KEY)
    if header_value is None:
        return None
    name, allowed_names = admins.normalise_name(header_value), get_allowed_names()
    # Servers join two headers of the same name with a comma.
    if "," in name or not admins.is_valid_name(name):
        raise Forbidden(_INVALID_NAME_MESSAGE)
    if ANYONE not in allowed_names and name not in map(admins.normalise_name, allowed_names):
        raise Forbidden(_UNKNOWN_ADMIN_MESSAGE.format(name))
    if admins.is_disabled(db.session(), name):
        raise Forbidden(_DISABLED_ADMIN_MESSAGE.format(name))
    return name


def get_allowed_names() -> tuple[str, ...]:
    """The names that the proxy may sign in, or `*` for all; empty if there is no such proxy."""
    config = get_runtime().config
    return config.proxy_auth_admins if config.proxy_auth_header else ()


def load_account(user_id: str) -> ProxyAccount | None:
    """The account of a cookie; None if the proxy does not name the admin now."""
    try:
        name = get_admin_name()
    except Forbidden:
        return None
    return ProxyAccount(name) if name is not None and user_id == COOKIE_PREFIX + name else None
