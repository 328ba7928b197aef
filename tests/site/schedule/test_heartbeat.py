"""A heartbeat shows that the process can check its database."""

import pytest
from flask import Flask

from pointsync import db, leases
from pointsync.errors import ConfigError
from pointsync.runtime import get_runtime
from pointsync.schedule import ticks


def test_a_process_that_cannot_check_its_database_does_not_count_as_alive(app: Flask) -> None:
    ticks.heartbeat()
    assert leases.is_any_alive(db.session())
    with db.transaction() as session:
        leases.unregister(session, get_runtime().worker_id)
    (get_runtime().config.data / "marker").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        ticks.heartbeat()
    db.session.remove()
    assert not leases.is_any_alive(db.session())
