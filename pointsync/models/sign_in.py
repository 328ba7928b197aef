"""A sign-in: one browser in which an admin is signed in, until it signs out or its time is over."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pointsync.db import Base, Moment
from pointsync.models.admin import Admin


class SignIn(Base):
    __tablename__ = "sign_in"

    id: Mapped[int] = mapped_column(primary_key=True)
    admin_id: Mapped[int] = mapped_column(ForeignKey("admin.id", ondelete="CASCADE"))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the token in the browser's cookie. A cookie alone cannot be taken back; this row can."""
    began_at: Mapped[datetime] = mapped_column(Moment, index=True)

    admin: Mapped[Admin] = relationship(lazy="joined", innerjoin=True)
