"""Admins: made, and found by what they type. A password is kept as its scrypt hash, and nowhere else."""

import unicodedata
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash, generate_password_hash

from pointsync import crypto
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.models import Admin, SignIn, Site

MAX_NAME = 191
MIN_PASSWORD = 10
MAX_PASSWORD = 1000

METHOD = "scrypt:32768:8:1"
NOBODY = f"{METHOD}$nobody$" + "0" * 128
"""The hash of no password: checking against it takes as long as against an admin's."""


def exists(session: Session) -> bool:
    """Whether there is an admin at all."""
    return session.scalar(select(Admin.id).limit(1)) is not None


def create(session: Session, name: str, password: str, now: datetime) -> Admin:
    """A new admin.

    Raises Invalid for a `name` or `password` that cannot be, Conflict where the name is taken.
    """
    name = normal(name)
    if not can_be_name(name):
        raise Invalid("name", f"A name has 1 to {MAX_NAME} characters, on one line; type another one.")
    check_password(password)
    if session.scalar(select(Admin.id).where(Admin.name == name)) is not None:
        message = f"There is an admin {name} already; choose another name."
        raise Conflict("name_taken", message, {"name": message})
    admin = Admin(name=name, password_hash=generate_password_hash(password, METHOD), created_at=now)
    session.add(admin)
    session.flush()
    return admin


def every(session: Session) -> list[Admin]:
    """All admins, by name."""
    return list(session.scalars(select(Admin).order_by(Admin.name)))


def change_password(session: Session, admin_id: int, old: str, new: str) -> Admin:
    """Give the admin another password. Their sign-ins end: a browser's cookie carries the old one's fingerprint.

    Raises Invalid for `old` where that is not the present one, for `password` where the new one cannot be.
    """
    check_password(new)
    admin = session.get_one(Admin, admin_id, with_for_update=True, populate_existing=True)
    if by_credentials(session, admin.name, old) is None:
        raise Invalid("old", "This is not your present password; type the one you sign in with now.")
    admin.password_hash = generate_password_hash(new, METHOD)
    session.flush()
    return admin


def remove(session: Session, admin_id: int) -> None:
    """Take an admin's sign-in away. Raises NotFound, or Conflict for the last one: nobody could sign in any more."""
    session.get(Site, 1, with_for_update=True, populate_existing=True)  # of two removals at once, the second waits
    admin = session.get(Admin, admin_id)
    if admin is None:
        raise NotFound("unknown_admin", "There is no such admin; see the list of admins.")
    if session.scalar(select(func.count()).select_from(Admin)) == 1:
        raise Conflict("last_admin", "The last admin cannot be removed: add another one first.")
    session.execute(delete(SignIn).where(SignIn.admin_id == admin_id))
    session.delete(admin)
    session.flush()


def check_password(password: str) -> None:
    """Raises Invalid where `password` is too short or too long to be one."""
    if len(password) < MIN_PASSWORD:
        raise Invalid("password", f"A password has at least {MIN_PASSWORD} characters; a few words in a row do well.")
    if len(password) > MAX_PASSWORD:
        raise Invalid("password", f"A password has at most {MAX_PASSWORD:,} characters; choose a shorter one.")
    if "\0" in password:
        raise Invalid("password", "A password holds no NUL characters; type another one.")


def by_credentials(session: Session, name: str, password: str) -> Admin | None:
    """The admin of that name, when the password is theirs.

    Takes the same time whether the name is unknown or the password wrong, so that it tells no names.
    """
    name = normal(name)
    admin = session.scalar(select(Admin).where(Admin.name == name)) if can_be_name(name) else None
    matches = check_password_hash(admin.password_hash if admin else NOBODY, password[: MAX_PASSWORD + 1])
    # Hashing fills a short password up with NULs, so that some at its end would make no difference.
    return admin if admin and matches and "\0" not in password else None


def is_setup_link(session: Session, token: str) -> bool:
    """Whether `token` is that of the one-time link, and no admin has been made yet."""
    site = session.get(Site, 1)
    if site is None or site.setup_digest is None:
        return False
    return crypto.same(crypto.digest(token), site.setup_digest) and not exists(session)


def create_first(session: Session, token: str, name: str, password: str, now: datetime) -> Admin:
    """The first admin, by the one-time link, which is used up by it.

    Raises NotFound where the link is not, or no longer, good; Invalid as `create`.
    """
    # Of two that use the link at once, the second waits here and then finds it used up.
    session.get(Site, 1, with_for_update=True, populate_existing=True)
    if not is_setup_link(session, token):
        raise NotFound("setup_link_used", "This link has been used, or is not the one printed last.")
    admin = create(session, name, password, now)
    session.get_one(Site, 1).setup_digest = None
    session.flush()
    return admin


def normal(name: str) -> str:
    """`name` as it is compared: keyboards differ in how they type an accented letter."""
    return unicodedata.normalize("NFC", name).strip()


def can_be_name(name: str) -> bool:
    """Whether `name`, which is `normal`, can be somebody's."""
    return 0 < len(name) <= MAX_NAME and name.isprintable()
