"""A shop whose orders are counted here, and the addresses by which it is known."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from pointsync.db import Base, UtcDateTime


class Shop(Base):
    __tablename__ = "shop"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(16), unique=True)
    """Its name in the `source` of its movements, `shop:<code>`. It is made of its first address, so that a site that
    is set up again finds the movements of the same shop."""
    name: Mapped[str] = mapped_column(String(191))
    currency: Mapped[str] = mapped_column(String(8), default="")
    """The currency of its first counted order; empty until then."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("shop.id"))
    """The shop that an admin said is the same one. Its orders and addresses have moved there; the code stays known."""


class ShopAddress(Base):
    __tablename__ = "shop_address"

    address: Mapped[str] = mapped_column(String(500), primary_key=True)
    """Normalised by `urls.normalise_address`."""
    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
