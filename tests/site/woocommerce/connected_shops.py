"""A hook, and a shop that can be connected for reading."""

from pointsync import clock, db
from pointsync.models import Hook
from pointsync.runtime import get_runtime
from pointsync.woocommerce import hooks


def add_hook(name: str = "orders", **options: object) -> Hook:
    """A hook that counts completed orders of any date."""
    return db.run_in_transaction(
        lambda session: hooks.add(
            session,
            get_runtime().vault,
            **{"name": name, "secret": "s", "reserve_key": "default", "counts_all": True, "now": clock.now()} | options,  # type: ignore[arg-type]
        )
    )
