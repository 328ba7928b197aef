"""A sign-in: a browser in which an admin is signed in, until the admin signs out or the sign-in expires."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pointsync.db import Base, UtcDateTime
from pointsync.models.admin import Admin


class SignIn(Base):
    __tablename__ = "sign_in"

    id: Mapped[int] = mapped_column(primary_key=True)
    admin_id: Mapped[int] = mapped_column(ForeignKey("admin.id", ondelete="CASCADE"))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the token in the browser's cookie. Deleting this row ends the sign-in."""
    began_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it was last used, to the minute."""
    address: Mapped[str] = mapped_column(String(64))
    """The address from which it was last used."""
    browser: Mapped[str] = mapped_column(String(80))
    """A short description from the User-Agent header, which can be faked."""
    how: Mapped[str] = mapped_column(String(16))
    """`password`, or `link` for the one-time link of the first start."""

    admin: Mapped[Admin] = relationship(lazy="joined", innerjoin=True)
