"""The state of one process: its settings, vault, HTTP client and couriers."""

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, current_app

from pointsync.config import Config
from pointsync.crypto import Vault
from pointsync.db.group_commit import GroupCommit
from pointsync.failure_counter import FailureCounter
from pointsync.ids import new_token

if TYPE_CHECKING:
    from pointsync.net.http_client import HttpClient
    from pointsync.sync.delivery.courier import Couriers

EXTENSION_KEY = "pointsync"


@dataclass
class Runtime:
    """One per application; `couriers` is set only if this process runs the scheduler."""

    config: Config
    vault: Vault
    client: "HttpClient"
    shop_client: "HttpClient"
    """For calls of shops, whose answers are larger than those of sites."""
    worker_id: str = field(default_factory=new_token)
    couriers: "Couriers | None" = None
    stop_requested: threading.Event = field(default_factory=threading.Event)
    """Set when the scheduler should end; a background task then stops after its current part."""
    job_threads: dict[tuple[str, int], threading.Thread] = field(default_factory=dict)
    """By job and remote, the threads in which jobs call remotes; see `schedule.turns`."""
    recounted: dict[int, datetime] = field(default_factory=dict)
    """By remote, since when it had differed (`Remote.differs_since`) when what was received from it was last counted
    anew; see `schedule.remote_ticks.recount_received`."""
    failures: FailureCounter = field(default_factory=FailureCounter)
    """Callers' failures with keys, Passes and signatures."""
    recordings: GroupCommit[Any, Any] = field(default_factory=GroupCommit)
    """Single movements that shops record at the same time; see `api.movements`."""
    wait_slots: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """For calls that wait for something to happen. None waits unless `serve` has said how many threads there are."""

    def set_thread_count(self, threads: int) -> None:
        """Let at most a quarter of the server's threads be used by calls that wait."""
        self.wait_slots = threading.Semaphore(threads // 4)

    def use_secret_key(self, secret_key: str) -> None:
        """Continue with another secret key, after the database was encrypted with it."""
        self.config = replace(self.config, secret_key=secret_key)
        self.vault = Vault(secret_key)

    def wake_couriers(self) -> None:
        """Tell this process's couriers, if any, that there is something to send."""
        if self.couriers:
            self.couriers.wake()


def get_runtime(app: Flask | None = None) -> Runtime:
    """The runtime of `app`, by default of the current application."""
    return cast(Runtime, (app or current_app).extensions[EXTENSION_KEY])
