"""Who is signed in: the browser's cookie, the sign-in it names, and the password it was made with."""

from typing import Any

from flask import Flask, session
from flask_login import LoginManager, UserMixin, login_user, logout_user

from pointsync import clock, crypto, db
from pointsync.models import Admin
from pointsync.runtime import runtime
from pointsync.sync import sign_ins


class Account(UserMixin):  # type: ignore[misc]
    """The admin of this request, as Flask-Login wants one."""

    def __init__(self, admin: Admin, token: str) -> None:
        self.admin_id = admin.id
        self.name = admin.name
        self.token = token
        self._fingerprint = _fingerprint(admin)

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


def begin(admin: Admin) -> None:
    """Sign `admin` in, in a session of their own: nothing of the one before is kept."""
    now = clock.now()
    token = db.in_write(lambda writing: sign_ins.begin(writing, admin, now))
    session.clear()
    login_user(Account(admin, token))


def end(account: Account) -> None:
    """Sign out, for good: a copy of the cookie is worth nothing afterwards."""
    db.in_write(lambda writing: sign_ins.end(writing, account.token))
    logout_user()
    session.clear()


def _load(text: Any) -> Account | None:
    """Whom a cookie means; None where it has ended, or the password was changed since."""
    token, _, fingerprint = str(text).partition(".")
    admin = sign_ins.find(db.db.session(), token, clock.now())
    if admin is None or not crypto.same(fingerprint, _fingerprint(admin)):
        return None
    return Account(admin, token)


def _fingerprint(admin: Admin) -> str:
    """Another one for each password, which tells nothing about it."""
    return crypto.hmac_signature(runtime().config.secret_key, admin.password_hash.encode()).hex()[:32]
