"""Hooks and deliveries to them, for the WooCommerce tab."""

from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.models import Hook, HookDelivery
from pointsync.runtime import get_runtime
from pointsync.woocommerce import hooks
from tests.support.site_template import run_in_transaction

PAGE = "/system/woocommerce"
SECRET = "a secret of the shop's"


def create_hook(app: Flask, name: str = "web-shop", **more: Any) -> int:
    """Create a hook; its id."""

    def add_hook(session: Session) -> int:
        options = {"name": name, "secret": SECRET, "reserve_key": "default"} | more
        hook: Hook = hooks.add(session, get_runtime().vault, now=clock.now(), **options)
        return hook.id

    return run_in_transaction(app, add_hook)


def add_hook_delivery(session: Session, hook_id: int, topic: str, outcome: str, message: str, minute: int = 0) -> None:
    """Add a delivery to a hook, received so many minutes ago."""
    received_at = clock.now() - timedelta(minutes=minute)
    values = {"topic": topic, "outcome": outcome, "message": message}
    session.add(HookDelivery(hook_id=hook_id, received_at=received_at, **values))
    session.flush()
