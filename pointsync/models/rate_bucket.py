"""A bucket: how much of a rate somebody has used up, by the algorithm called GCRA, a leaky bucket in one number."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base


class RateBucket(Base):
    __tablename__ = "bucket"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of whose it is: names and addresses themselves are not kept."""
    empty_at_ms: Mapped[int] = mapped_column(BigInteger, index=True)
    """When it has leaked empty, in milliseconds since 1970, if nothing more is put in."""
