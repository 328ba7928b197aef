"""Hooks as they stand in the panel, and what came of deliveries to them."""

from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.models import Hook, HookDelivery
from pointsync.runtime import runtime
from pointsync.woocommerce import hooks
from tests.support.site_template import change

PAGE = "/system/woocommerce"
SECRET = "a secret of the shop's"


def made(app: Flask, name: str = "web-shop", **more: Any) -> int:
    """A hook; its id."""

    def work(session: Session) -> int:
        facts = {"name": name, "secret": SECRET, "reserve_key": "default"} | more
        hook: Hook = hooks.add(session, runtime().vault, now=clock.now(), **facts)
        return hook.id

    return change(app, work)


def deliver(session: Session, hook_id: int, topic: str, outcome: str, message: str, minute: int = 0) -> None:
    """A line about a delivery."""
    received_at = clock.now() - timedelta(minutes=minute)
    line = {"topic": topic, "outcome": outcome, "message": message}
    session.add(HookDelivery(hook_id=hook_id, received_at=received_at, **line))
    session.flush()
