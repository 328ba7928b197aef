"""Admins: made, disabled, removed, and found by what they type.

A password is kept as its scrypt hash, and nowhere else.
"""

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
"""The hash of no password: checking against it takes as long as against an admin's."""


def exists(session: Session) -> bool:
    """Whether there is an admin at all."""
    return session.scalar(select(Admin.id).limit(1)) is not None


def create(session: Session, name: str, password: str, now: datetime) -> Admin:
    """A new admin.

    Raises Invalid for a `name` or `password` that cannot be, Conflict where the name is taken.
    """
    name = normalise_name(name)
    if not is_valid_name(name):
        raise InvalidInput("name", f"A name has 1 to {MAX_NAME} characters, on one line; type another one.")
    check_password(password)
    if session.scalar(select(Admin.id).where(Admin.name == name)) is not None:
        message = f"There is an admin {name} already; choose another name."
        raise Conflict("name_taken", message, {"name": message})
    admin = Admin(name=name, password_hash=generate_password_hash(password, HASH_METHOD), created_at=now)
    session.add(admin)
    session.flush()
    return admin


def list_all(session: Session) -> list[Admin]:
    """All admins, by name."""
    return list(session.scalars(select(Admin).order_by(Admin.name)))


def get_by_name(session: Session, name: str) -> Admin:
    """The admin of that name. Raises NotFound."""
    name = normalise_name(name)
    admin = session.scalar(select(Admin).where(Admin.name == name)) if is_valid_name(name) else None
    if admin is None:
        raise NotFound("unknown_admin", "There is no admin of that name; see the list of admins.")
    return admin


def is_disabled(session: Session, name: str) -> bool:
    """Whether `name`, which is `normal`, is that of a disabled admin."""
    return session.scalar(select(Admin.id).where(Admin.name == name, Admin.disabled_at.is_not(None))) is not None


def change_password(session: Session, admin_id: int, old_password: str, new_password: str) -> Admin:
    """Give the admin another password, and end all their sign-ins.

    Raises Invalid for `old` where that is not the present one, for `password` where the new one cannot be.
    """
    check_password(new_password)
    admin = session.get_one(Admin, admin_id, with_for_update=True, populate_existing=True)
    if authenticate(session, admin.name, old_password) is None:
        raise InvalidInput("old", "This is not your present password; type the one you sign in with now.")
    _set_password(session, admin, new_password)
    return admin


def reset_password(session: Session, admin_id: int, password: str) -> Admin:
    """Give the admin another password without asking for the present one, and end all their sign-ins.

    One who is disabled stays so. Raises Invalid for a `password` that cannot be, NotFound.
    """
    check_password(password)
    admin = _get_locked(session, admin_id)
    _set_password(session, admin, password)
    return admin


def disable(session: Session, admin_id: int, now: datetime) -> Admin:
    """Keep an admin from signing in until they are enabled, and end all their sign-ins; once more changes nothing.

    Raises NotFound, or Conflict for the last one who may sign in.
    """
    admin = _get_locked(session, admin_id)
    if admin.disabled_at is None:
        _refuse_last(session, admin, "disabled")
        admin.disabled_at = now
        _end_sign_ins(session, admin)
    session.flush()
    return admin


def enable(session: Session, admin_id: int) -> Admin:
    """Let a disabled admin sign in again, with the password they had. Raises NotFound."""
    admin = _get_locked(session, admin_id)
    admin.disabled_at = None
    session.flush()
    return admin


def remove(session: Session, admin_id: int) -> None:
    """Take an admin's sign-in away. Raises NotFound, or Conflict for the last one who may sign in."""
    admin = _get_locked(session, admin_id)
    _refuse_last(session, admin, "removed")
    _end_sign_ins(session, admin)
    session.delete(admin)
    session.flush()


def is_last(session: Session, admin: Admin) -> bool:
    """Whether nobody could sign in without `admin`."""
    others = select(func.count()).select_from(Admin).where(Admin.id != admin.id, Admin.disabled_at.is_(None))
    return session.scalar(others) == 0


def _get_locked(session: Session, admin_id: int) -> Admin:
    """The admin, while whoever else disables or removes one waits. Raises NotFound."""
    session.get(Site, 1, with_for_update=True, populate_existing=True)
    admin = session.get(Admin, admin_id, with_for_update=True, populate_existing=True)
    if admin is None:
        raise NotFound("unknown_admin", "There is no such admin; see the list of admins.")
    return admin


def _refuse_last(session: Session, admin: Admin, action: str) -> None:
    if is_last(session, admin):
        raise Conflict(
            "last_admin", f"The last admin who may sign in cannot be {action}: add or enable another one first."
        )


def _set_password(session: Session, admin: Admin, password: str) -> None:
    admin.password_hash = generate_password_hash(password, HASH_METHOD)
    _end_sign_ins(session, admin)
    session.flush()


def _end_sign_ins(session: Session, admin: Admin) -> None:
    session.execute(delete(SignIn).where(SignIn.admin_id == admin.id))


def check_password(password: str) -> None:
    """Raises Invalid where `password` is too short or too long to be one."""
    if len(password) < MIN_PASSWORD:
        raise InvalidInput(
            "password", f"A password has at least {MIN_PASSWORD} characters; a few words in a row do well."
        )
    if len(password) > MAX_PASSWORD:
        raise InvalidInput("password", f"A password has at most {MAX_PASSWORD:,} characters; choose a shorter one.")
    if "\0" in password:
        raise InvalidInput("password", "A password holds no NUL characters; type another one.")


def authenticate(session: Session, name: str, password: str) -> Admin | None:
    """The admin of that name, when the password is theirs; a disabled one, too, who is not to be let in.

    Takes the same time whether the name is unknown or the password wrong, so that it tells no names.
    """
    name = normalise_name(name)
    admin = session.scalar(select(Admin).where(Admin.name == name)) if is_valid_name(name) else None
    matches = check_password_hash(admin.password_hash if admin else DUMMY_HASH, password[: MAX_PASSWORD + 1])
    # Hashing fills a short password up with NULs, so that some at its end would make no difference.
    return admin if admin and matches and "\0" not in password else None


def is_valid_setup_token(session: Session, token: str) -> bool:
    """Whether `token` is that of the one-time link, and no admin has been made yet."""
    site = session.get(Site, 1)
    if site is None or site.setup_digest is None:
        return False
    return crypto.is_equal_constant_time(crypto.sha256_hex(token), site.setup_digest) and not exists(session)


def create_first(session: Session, token: str, name: str, password: str, now: datetime) -> Admin:
    """The first admin, by the one-time link, which is used up by it.

    Raises NotFound where the link is not, or no longer, good; Invalid as `create`.
    """
    # Of two that use the link at once, the second waits here and then finds it used up.
    session.get(Site, 1, with_for_update=True, populate_existing=True)
    if not is_valid_setup_token(session, token):
        raise NotFound("setup_link_used", "This link has been used, or is not the one printed last.")
    admin = create(session, name, password, now)
    session.get_one(Site, 1).setup_digest = None
    session.flush()
    return admin


def normalise_name(name: str) -> str:
    """`name` as it is compared: keyboards differ in how they type an accented letter."""
    return unicodedata.normalize("NFC", name).strip()


def is_valid_name(name: str) -> bool:
    """Whether `name`, which is `normal`, can be somebody's."""
    return 0 < len(name) <= MAX_NAME and name.isprintable()
