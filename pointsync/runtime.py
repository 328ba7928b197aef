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
    from pointsync.net.http_client import HttpClient
    from pointsync.sync.delivery.courier import Couriers

EXTENSION_KEY = "pointsync"


@dataclass
class Runtime:
    """One per application; `couriers` is there only where this process runs the scheduler."""

    config: Config
    vault: Vault
    client: "HttpClient"
    worker_id: str = field(default_factory=new_token)
    couriers: "Couriers | None" = None
    stop_requested: threading.Event = field(default_factory=threading.Event)
    """Set when this process's scheduler is to end: long work leaves off after the part that is under way."""

    @cached_property
    def failure_limiter(self) -> MovingWindowRateLimiter:
        """What callers have failed with lately; `limits` counts. Its storage has a thread, so commands have none."""
        return MovingWindowRateLimiter(MemoryStorage())

    def use_secret_key(self, secret_key: str) -> None:
        """Go on with another secret key, which the database is encrypted with by now."""
        self.config = replace(self.config, secret_key=secret_key)
        self.vault = Vault(secret_key)

    def wake_couriers(self) -> None:
        """Tell this process's couriers, if it has any, that a movement was just recorded."""
        if self.couriers:
            self.couriers.wake()


def get_runtime() -> Runtime:
    """The current application's."""
    return get_runtime_of(current_app)


def get_runtime_of(app: Flask) -> Runtime:
    """An application's."""
    return cast(Runtime, app.extensions[EXTENSION_KEY])
