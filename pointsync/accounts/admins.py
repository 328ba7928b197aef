"""Admins: create, disable, remove and authenticate them.

A password is stored only as its scrypt hash.
"""

import threading
import unicodedata
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash, generate_password_hash

from pointsync import crypto
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.models import Admin, SignIn, Site

MAX_NAME = 191
MIN_PASSWORD = 10
MAX_PASSWORD = 1000

HASH_METHOD = "scrypt:32768:8:1"
DUMMY_HASH = f"{HASH_METHOD}$nobody$" + "0" * 128
"""Matches no password. Checking against it takes as long as checking against an admin's hash."""

_hash_slots = threading.BoundedSemaphore(2)
"""Each hash takes 32 MB, and strangers can ask for one in every thread."""

_UNKNOWN_MESSAGE = "There is no such admin. See the list of admins."


def exists(session: Session) -> bool:
    """Whether there is any admin."""
    return session.scalar(select(Admin.id).limit(1)) is not None


def create(session: Session, name: str, password: str, now: datetime) -> Admin:
    """Create an admin. Raises InvalidInput for `name` or `password`, Conflict if the name is taken."""
    name = normalise_name(name)
    if not is_valid_name(name):
        raise InvalidInput("name", f"A name needs 1 to {MAX_NAME} characters on one line.")
    check_password(password)
    if session.scalar(select(Admin.id).where(Admin.name == name)) is not None:
        message = f"An admin named {name} already exists. Choose another name."
        raise Conflict("name_taken", message, {"name": message})
    admin = Admin(name=name, password_hash=_hash_password(password), created_at=now)
    session.add(admin)
    session.flush()
    return admin


def list_all(session: Session) -> list[Admin]:
    """All admins, sorted by name."""
    return list(session.scalars(select(Admin).order_by(Admin.name)))


def get(session: Session, admin_id: int) -> Admin:
    """The admin with this id. Raises NotFound."""
    admin = session.get(Admin, admin_id)
    if admin is None:
        raise NotFound("unknown_admin", _UNKNOWN_MESSAGE)
    return admin


def get_by_name(session: Session, name: str) -> Admin:
    """The admin with this name. Raises NotFound."""
    name = normalise_name(name)
    admin = session.scalar(select(Admin).where(Admin.name == name)) if is_valid_name(name) else None
    if admin is None:
        raise NotFound("unknown_admin", "There is no admin with this name. See the list of admins.")
    return admin


def is_disabled(session: Session, name: str) -> bool:
    """Whether `name`, normalised by `normalise_name`, belongs to a disabled admin."""
    return session.scalar(select(Admin.id).where(Admin.name == name, Admin.disabled_at.is_not(None))) is not None


def change_password(session: Session, admin_id: int, old_password: str, new_password: str) -> Admin:
    """Set a new password and end all sign-ins of the admin.

    Raises InvalidInput for `old` if it is not the current password, or for `password` if the new one is not allowed.
    """
    check_password(new_password)
    admin = session.get_one(Admin, admin_id, with_for_update=True, populate_existing=True)
    if authenticate(session, admin.name, old_password) is None:
        raise InvalidInput("old", "This is not your current password. Enter the one you sign in with now.")
    _set_password(session, admin, new_password)
    return admin


def reset_password(session: Session, admin_id: int, password: str) -> Admin:
    """Set a new password without checking the current one, and end all sign-ins of the admin.

    A disabled admin stays disabled. Raises InvalidInput for `password`, NotFound.
    """
    check_password(password)
    admin = _get_locked(session, admin_id)
    _set_password(session, admin, password)
    return admin


def disable(session: Session, admin_id: int, now: datetime) -> Admin:
    """Keep an admin from signing in until somebody enables them again, and end all their sign-ins.

    Disabling a disabled admin changes nothing. Raises NotFound, or Conflict for the last admin who may sign in.
    """
    admin = _get_locked(session, admin_id)
    if admin.disabled_at is None:
        _refuse_last(session, admin, "disabled")
        admin.disabled_at = now
        _end_sign_ins(session, admin)
    session.flush()
    return admin


def enable(session: Session, admin_id: int) -> Admin:
    """Let a disabled admin sign in again with the same password. Raises NotFound."""
    admin = _get_locked(session, admin_id)
    admin.disabled_at = None
    session.flush()
    return admin


def remove(session: Session, admin_id: int) -> None:
    """Delete an admin and their sign-ins. Raises NotFound, or Conflict for the last admin who may sign in."""
    admin = _get_locked(session, admin_id)
    _refuse_last(session, admin, "removed")
    _end_sign_ins(session, admin)
    session.delete(admin)
    session.flush()


def is_last(session: Session, admin: Admin) -> bool:
    """Whether `admin` is the only admin who may sign in, or would be if enabled."""
    others = select(func.count()).select_from(Admin).where(Admin.id != admin.id, Admin.disabled_at.is_(None))
    return session.scalar(others) == 0


def _get_locked(session: Session, admin_id: int) -> Admin:
    """Lock and return the admin. Locks the site too, so that only one admin is disabled or removed at a time.

    Raises NotFound.
    """
    Site.get_for_update(session)
    admin = session.get(Admin, admin_id, with_for_update=True, populate_existing=True)
    if admin is None:
        raise NotFound("unknown_admin", _UNKNOWN_MESSAGE)
    return admin


def _refuse_last(session: Session, admin: Admin, action: str) -> None:
    if is_last(session, admin):
        raise Conflict(
            "last_admin", f"The last admin who may sign in cannot be {action}. Add or enable another admin first."
        )


def _set_password(session: Session, admin: Admin, password: str) -> None:
    admin.password_hash = _hash_password(password)
    _end_sign_ins(session, admin)
    session.flush()


def _hash_password(password: str) -> str:
    with _hash_slots:
        return generate_password_hash(unicodedata.normalize("NFC", password), HASH_METHOD)


def _unicode_forms(password: str) -> list[str]:
    """The forms in which its hash may be stored: NFC (RFC 8265, 4.2), or as an earlier version stored it, as typed."""
    return sorted({unicodedata.normalize("NFC", password), unicodedata.normalize("NFD", password), password})


def _end_sign_ins(session: Session, admin: Admin) -> None:
    session.execute(delete(SignIn).where(SignIn.admin_id == admin.id))


def check_password(password: str) -> None:
    """Raise InvalidInput for `password` if it is too short, too long or contains NUL."""
    if len(password) < MIN_PASSWORD:
        raise InvalidInput(
            "password", f"A password needs at least {MIN_PASSWORD} characters. Several words in a row work well."
        )
    if len(password) > MAX_PASSWORD:
        raise InvalidInput("password", f"A password can have at most {MAX_PASSWORD:,} characters.")
    if "\0" in password:
        raise InvalidInput("password", "A password cannot contain NUL characters.")


def authenticate(session: Session, name: str, password: str) -> Admin | None:
    """The admin with this name if the password is right, else None. The admin may be disabled: the caller checks.

    An unknown name takes as long as a wrong password, so that the time reveals no names.
    """
    name = normalise_name(name)
    admin = session.scalar(select(Admin).where(Admin.name == name)) if is_valid_name(name) else None
    stored, typed = admin.password_hash if admin else DUMMY_HASH, password[: MAX_PASSWORD + 1]
    with _hash_slots:
        matches = any(check_password_hash(stored, form) for form in _unicode_forms(typed))
    # scrypt pads a short password with NULs, so NULs at its end would not change the hash.
    return admin if admin and matches and "\0" not in password else None


def is_valid_setup_token(session: Session, token: str) -> bool:
    """Whether `token` belongs to the one-time setup link, and there is no admin yet."""
    site = session.get(Site, 1)
    if site is None or site.setup_digest is None:
        return False
    return crypto.is_equal_constant_time(crypto.sha256_hex(token), site.setup_digest) and not exists(session)


def create_first(session: Session, token: str, name: str, password: str, now: datetime) -> Admin:
    """Create the first admin with the one-time setup link, which then stops working.

    Raises NotFound if the link is not valid, InvalidInput as `create` does.
    """
    # If two people use the link at the same time, the second waits here and then finds the link used.
    site = Site.get_for_update(session)
    if not is_valid_setup_token(session, token):
        raise NotFound(
            "setup_link_used", "This link was already used, or a newer link was printed. Open the newest link."
        )
    admin = create(session, name, password, now)
    site.setup_digest = None
    session.flush()
    return admin


def normalise_name(name: str) -> str:
    """`name` in the form in which names are compared (NFC): keyboards encode accented letters differently."""
    return unicodedata.normalize("NFC", name).strip()


def is_valid_name(name: str) -> bool:
    """Whether `name`, normalised by `normalise_name`, is allowed as a name."""
    return 0 < len(name) <= MAX_NAME and name.isprintable()
