"""A setting that an admin can change while the site runs; the settings of the process are in `config`."""

from sqlalchemy import String, bindparam, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pointsync.db import Base


class Setting(Base):
    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(500))

    @classmethod
    def read(cls, session: Session, name: str) -> str | None:
        """The value of a setting; None if it is not set."""
        return session.scalar(_SELECT_VALUE, {"name": name})

    @classmethod
    def write(cls, session: Session, name: str, value: str) -> None:
        """Set the value of a setting."""
        session.merge(cls(name=name, value=value))
        session.flush()


# Built once, because each ping executes it.
_SELECT_VALUE = select(Setting.value).where(Setting.name == bindparam("name"))
