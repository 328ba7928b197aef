"""Who is signed in, by the session cookie or by the shop's proxy.

A cookie names a sign-in. It is valid while the sign-in lasts and the password is not changed.
"""

from contextlib import suppress
from typing import Any

from flask import Flask, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from werkzeug.exceptions import Forbidden

from pointsync import clock, crypto, db
from pointsync.accounts import sign_ins
from pointsync.admin.auth import proxy, user_agent
from pointsync.ledger import audit_recorder
from pointsync.models import Admin, SignIn
from pointsync.runtime import get_runtime


class Account(UserMixin):  # type: ignore[misc]
    """The admin of this request, as Flask-Login needs it."""

    is_by_proxy = False

    def __init__(self, row: SignIn, token: str) -> None:
        self.admin_id = row.admin_id
        self.name = row.admin.name
        self.token = token
        self.sign_in_id = row.id
        self.seen_at = row.seen_at
        self._fingerprint = _fingerprint(row.admin)

    def get_id(self) -> str:
        """The value of the session cookie."""
        return f"{self.token}.{self._fingerprint}"


class _LoginManager(LoginManager):  # type: ignore[misc]
    """Flask-Login without its remember cookie.

    That cookie cannot be revoked, and its hooks would read the cookies of requests outside the panel.
    """

    def init_app(self, app: Flask, add_context_processor: bool = False) -> None:
        app.login_manager = self  # type: ignore[attr-defined]

    def _load_user_from_remember_cookie(self, cookie: str) -> None:
        return None


def register(app: Flask) -> None:
    """Set up Flask-Login."""
    login_manager = _LoginManager()
    # IP addresses change, and anybody can send any User-Agent, so they prove nothing.
    login_manager.session_protection = None
    login_manager.user_loader(_load_account)
    login_manager.init_app(app)


def sign_in(admin: Admin, how: str = "password") -> None:
    """Sign `admin` in, in a new session.

    Raises Conflict if the admin was disabled in the meantime.
    """
    now, address = clock.now(), request.remote_addr or ""
    db.set_actor(db.Actor(admin.name, "password", address))
    details = {"address": address, "browser": user_agent.describe(request.user_agent.string), "how": how}
    token = db.run_in_transaction(lambda db_session: sign_ins.create(db_session, admin, now, **details))
    session.clear()
    if row := sign_ins.find(db.session(), token, now):
        login_user(Account(row, token))


def record_use() -> None:
    """Save when this sign-in was last used, at most once a minute. If the database is busy, show the page anyway."""
    now = clock.now()
    if (
        not current_user.is_authenticated
        or current_user.is_by_proxy
        or current_user.seen_at > now - sign_ins.USE_RESOLUTION
    ):
        return
    sign_in_id, address = current_user.sign_in_id, request.remote_addr or ""
    with suppress(db.DatabaseBusy):
        db.run_in_transaction(lambda db_session: sign_ins.record_use(db_session, sign_in_id, address, now))


def set_actor() -> None:
    """Record changes of this request as the signed-in admin's, or nobody's."""
    name, how = "", "nobody"
    if current_user.is_authenticated:
        name, how = current_user.name, "proxy" if current_user.is_by_proxy else "password"
    db.set_actor(db.Actor(name, how, request.remote_addr or ""))


def apply_proxy_identity() -> None:
    """Sign in the admin that the trusted proxy names, and end that session once it names nobody.

    Raises Forbidden if it names somebody who is not an admin, regardless of the cookie.
    """
    session_user_id = str(session.get("_user_id", ""))
    try:
        name = proxy.get_admin_name()
    except Forbidden:
        session.clear()
        raise
    if name is None and session_user_id.startswith(proxy.COOKIE_PREFIX):
        session.clear()
    if name is not None and session_user_id != proxy.COOKIE_PREFIX + name:
        sign_in_by_proxy(name)


def sign_in_by_proxy(name: str) -> None:
    """Sign in the admin that the proxy names, in a new session."""
    if current_user.is_authenticated and not current_user.is_by_proxy:
        sign_out(current_user)
    session.clear()
    login_user(proxy.ProxyAccount(name))
    set_actor()
    if not sign_ins.has_recent_sign_in(db.session(), name, clock.now()):
        db.run_in_transaction(
            lambda db_session: audit_recorder.log_action(db_session, "signed in", "admin", thing=name)
        )


def sign_out(account: Account) -> None:
    """End the sign-in, so that copies of the cookie are invalid, too."""
    db.run_in_transaction(lambda db_session: sign_ins.end(db_session, account.token))
    logout_user()
    session.clear()


def _load_account(user_id: Any) -> Account | proxy.ProxyAccount | None:
    """The account of a cookie; None if the sign-in has ended or the password was changed."""
    if str(user_id).startswith(proxy.COOKIE_PREFIX):
        return proxy.load_account(str(user_id))
    token, _, fingerprint = str(user_id).partition(".")
    row = sign_ins.find(db.session(), token, clock.now())
    if row is None or not crypto.is_equal_constant_time(fingerprint, _fingerprint(row.admin)):
        return None
    return Account(row, token)


def _fingerprint(admin: Admin) -> str:
    """A value that changes with the password and does not reveal it."""
    return crypto.sign_hmac(get_runtime().config.secret_key, admin.password_hash.encode()).hex()[:32]
