"""A rate limit's state, by the GCRA algorithm: a leaky bucket stored as one number."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base


class RateBucket(Base):
    __tablename__ = "bucket"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the name or address that is limited, which itself is not stored."""
    empty_at_ms: Mapped[int] = mapped_column(BigInteger, index=True)
    """When the bucket will be empty, in milliseconds since 1970."""
