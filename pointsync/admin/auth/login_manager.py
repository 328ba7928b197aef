"""Who is signed in: the browser's cookie, the sign-in it names, and the password it was made with; or the proxy's
word for it."""

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
    """The admin of this request, as Flask-Login wants one."""

    is_by_proxy = False

    def __init__(self, row: SignIn, token: str) -> None:
        self.admin_id = row.admin_id
        self.name = row.admin.name
        self.token = token
        self.sign_in_id = row.id
        self.seen_at = row.seen_at
        self._fingerprint = _fingerprint(row.admin)

    def get_id(self) -> str:
        """What the browser's cookie says of them."""
        return f"{self.token}.{self._fingerprint}"


class _LoginManager(LoginManager):  # type: ignore[misc]
    """Flask-Login without its remember cookie.

    That one cannot be taken back, and its hooks would read the cookies of calls that are not the panel's.
    """

    def init_app(self, app: Flask, add_context_processor: bool = False) -> None:
        app.login_manager = self  # type: ignore[attr-defined]

    def _load_user_from_remember_cookie(self, cookie: str) -> None:
        return None


def register(app: Flask) -> None:
    """Let the panel know its admins."""
    login_manager = _LoginManager()
    # Addresses change under way, and anybody may claim a browser's name: they prove nothing.
    login_manager.session_protection = None
    login_manager.user_loader(_load_account)
    login_manager.init_app(app)


def sign_in(admin: Admin, how: str = "password") -> None:
    """Sign `admin` in, in a session of their own: nothing of the one before is kept.

    Raises Conflict where they have been disabled meanwhile.
    """
    now, address = clock.now(), request.remote_addr or ""
    db.set_actor(db.Actor(admin.name, "password", address))
    details = {"address": address, "browser": user_agent.describe(request.user_agent.string), "how": how}
    token = db.run_in_transaction(lambda writing: sign_ins.create(writing, admin, now, **details))
    session.clear()
    if row := sign_ins.find(db.session(), token, now):
        login_user(Account(row, token))


def record_use() -> None:
    """Keep that this sign-in is used, at most once a minute; a page is shown even where that cannot be written."""
    now = clock.now()
    if (
        not current_user.is_authenticated
        or current_user.is_by_proxy
        or current_user.seen_at > now - sign_ins.USE_RESOLUTION
    ):
        return
    sign_in_id, address = current_user.sign_in_id, request.remote_addr or ""
    with suppress(db.DatabaseBusy):
        db.run_in_transaction(lambda writing: sign_ins.record_use(writing, sign_in_id, address, now))


def set_actor() -> None:
    """Say that it is the admin of this request who changes things; nobody, where none is signed in."""
    name, how = "", "nobody"
    if current_user.is_authenticated:
        name, how = current_user.name, "proxy" if current_user.is_by_proxy else "password"
    db.set_actor(db.Actor(name, how, request.remote_addr or ""))


def apply_proxy_identity() -> None:
    """Sign in whom the trusted proxy names, in place of anybody else; end what it began once it names nobody.

    Raises Forbidden where it names somebody who is no admin, whatever the cookie says.
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
    """Sign in whom the proxy has named, in a session of their own: nothing of the one before is kept."""
    if current_user.is_authenticated and not current_user.is_by_proxy:
        sign_out(current_user)
    session.clear()
    login_user(proxy.ProxyAccount(name))
    set_actor()
    if not sign_ins.has_recent_sign_in(db.session(), name, clock.now()):
        db.run_in_transaction(lambda writing: audit_recorder.log_action(writing, "signed in", "admin", thing=name))


def sign_out(account: Account) -> None:
    """Sign out, for good: a copy of the cookie is worth nothing afterwards."""
    db.run_in_transaction(lambda writing: sign_ins.end(writing, account.token))
    logout_user()
    session.clear()


def _load_account(user_id: Any) -> Account | proxy.ProxyAccount | None:
    """Whom a cookie means; None where it has ended, or the password was changed since."""
    if str(user_id).startswith(proxy.COOKIE_PREFIX):
        return proxy.load_account(str(user_id))
    token, _, fingerprint = str(user_id).partition(".")
    row = sign_ins.find(db.session(), token, clock.now())
    if row is None or not crypto.is_equal_constant_time(fingerprint, _fingerprint(row.admin)):
        return None
    return Account(row, token)


def _fingerprint(admin: Admin) -> str:
    """Another one for each password, which tells nothing about it."""
    return crypto.sign_hmac(get_runtime().config.secret_key, admin.password_hash.encode()).hex()[:32]
