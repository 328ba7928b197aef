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
from pointsync.runtime import runtime


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


class _Accounts(LoginManager):  # type: ignore[misc]
    """Flask-Login without its remember cookie.

    That one cannot be taken back, and its hooks would read the cookies of calls that are not the panel's.
    """

    def init_app(self, app: Flask, add_context_processor: bool = False) -> None:
        app.login_manager = self  # type: ignore[attr-defined]

    def _load_user_from_remember_cookie(self, cookie: str) -> None:
        return None


def register(app: Flask) -> None:
    """Let the panel know its admins."""
    accounts = _Accounts()
    # Addresses change under way, and anybody may claim a browser's name: they prove nothing.
    accounts.session_protection = None
    accounts.user_loader(_load)
    accounts.init_app(app)


def begin(admin: Admin, how: str = "password") -> None:
    """Sign `admin` in, in a session of their own: nothing of the one before is kept.

    Raises Conflict where they have been disabled meanwhile.
    """
    now, address = clock.now(), request.remote_addr or ""
    db.acts(db.Actor(admin.name, "password", address))
    facts = {"address": address, "browser": user_agent.words(request.user_agent.string), "how": how}
    token = db.in_write(lambda writing: sign_ins.begin(writing, admin, now, **facts))
    session.clear()
    if row := sign_ins.find(db.db.session(), token, now):
        login_user(Account(row, token))


def note_use() -> None:
    """Keep that this sign-in is used, at most once a minute; a page is shown even where that cannot be written."""
    now = clock.now()
    if not current_user.is_authenticated or current_user.is_by_proxy or current_user.seen_at > now - sign_ins.MINUTE:
        return
    sign_in_id, address = current_user.sign_in_id, request.remote_addr or ""
    with suppress(db.Busy):
        db.in_write(lambda writing: sign_ins.used(writing, sign_in_id, address, now))


def acts() -> None:
    """Say that it is the admin of this request who changes things; nobody, where none is signed in."""
    name, how = "", "nobody"
    if current_user.is_authenticated:
        name, how = current_user.name, "proxy" if current_user.is_by_proxy else "password"
    db.acts(db.Actor(name, how, request.remote_addr or ""))


def follow_proxy() -> None:
    """Sign in whom the trusted proxy names, in place of anybody else; end what it began once it names nobody.

    Raises Forbidden where it names somebody who is no admin, whatever the cookie says.
    """
    kept = str(session.get("_user_id", ""))
    try:
        name = proxy.named()
    except Forbidden:
        session.clear()
        raise
    if name is None and kept.startswith(proxy.MARK):
        session.clear()
    if name is not None and kept != proxy.MARK + name:
        begin_by_proxy(name)


def begin_by_proxy(name: str) -> None:
    """Sign in whom the proxy has named, in a session of their own: nothing of the one before is kept."""
    if current_user.is_authenticated and not current_user.is_by_proxy:
        end(current_user)
    session.clear()
    login_user(proxy.ProxyAccount(name))
    acts()
    if not sign_ins.is_noted(db.db.session(), name, clock.now()):
        db.in_write(lambda writing: audit_recorder.note(writing, "signed in", "admin", thing=name))


def end(account: Account) -> None:
    """Sign out, for good: a copy of the cookie is worth nothing afterwards."""
    db.in_write(lambda writing: sign_ins.end(writing, account.token))
    logout_user()
    session.clear()


def _load(text: Any) -> Account | proxy.ProxyAccount | None:
    """Whom a cookie means; None where it has ended, or the password was changed since."""
    if str(text).startswith(proxy.MARK):
        return proxy.load(str(text))
    token, _, fingerprint = str(text).partition(".")
    row = sign_ins.find(db.db.session(), token, clock.now())
    if row is None or not crypto.same(fingerprint, _fingerprint(row.admin)):
        return None
    return Account(row, token)


def _fingerprint(admin: Admin) -> str:
    """Another one for each password, which tells nothing about it."""
    return crypto.hmac_signature(runtime().config.secret_key, admin.password_hash.encode()).hex()[:32]
