"""What one process holds beside its database: its settings, its vault, its way out, its couriers."""

import threading
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

from flask import Flask, current_app
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from pointsync.config import Config
from pointsync.crypto import Vault
from pointsync.ids import new_token

if TYPE_CHECKING:
    from pointsync.net.http_client import Client
    from pointsync.sync.delivery.courier import Couriers

NAME = "pointsync"


@dataclass
class Runtime:
    """One per application; `couriers` is there only where this process runs the scheduler."""

    config: Config
    vault: Vault
    client: "Client"
    worker_id: str = field(default_factory=new_token)
    couriers: "Couriers | None" = None
    ending: threading.Event = field(default_factory=threading.Event)
    """Set when this process's scheduler is to end: long work leaves off after the part that is under way."""

    @cached_property
    def failures(self) -> MovingWindowRateLimiter:
        """What callers have failed with lately; `limits` counts. Its storage has a thread, so commands have none."""
        return MovingWindowRateLimiter(MemoryStorage())

    def adopt(self, secret_key: str) -> None:
        """Go on with another secret key, which the database is encrypted with by now."""
        self.config = replace(self.config, secret_key=secret_key)
        self.vault = Vault(secret_key)

    def wake(self) -> None:
        """Tell this process's couriers, if it has any, that a movement was just recorded."""
        if self.couriers:
            self.couriers.wake()


def runtime() -> Runtime:
    """The current application's."""
    return of(current_app)


def of(app: Flask) -> Runtime:
    """An application's."""
    return cast(Runtime, app.extensions[NAME])
