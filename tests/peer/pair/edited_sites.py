"""Two sites of which somebody edits a database, and what each of them shows about it."""

import sqlite3
from contextlib import closing

from sqlalchemy import select

from pointsync.models import Difference
from pointsync.schedule import ticks
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE

Pair = tuple[PeerSite, PeerSite]


def edit(site: PeerSite, statement: str, *values: object) -> None:
    """Change the database as somebody with a database tool would; then the next heartbeat comes."""
    with closing(sqlite3.connect(site.folder / "pointsync.db", isolation_level=None)) as connection:
        connection.execute(statement, values)
    with site.app.app_context():
        ticks.heartbeat()


def sync(a: PeerSite, b: PeerSite, *points: int) -> tuple[int, list[str]]:
    """Let the two sites list each other, and deliver new movements from `a` to `b`; a's remote and their ids."""
    remote_id, _ = a.list_site(b)
    b.list_site(a)
    movement_ids = [a.record(ALICE, each) for each in points]
    a.deliver(remote_id)
    a.check(remote_id)
    return remote_id, movement_ids


def differences(site: PeerSite) -> list[tuple[str, str, int | None]]:
    """The stored differences: movement, kind and points here."""
    query = select(Difference.movement_id, Difference.kind, Difference.here_points).order_by(Difference.id)
    return site.read(lambda session: [tuple(row) for row in session.execute(query)])


def status(site: PeerSite, remote_id: int) -> tuple[str, str]:
    """The remote's status and its text."""
    document = site.remote_json(remote_id)
    return document["status"], document["status_text"]
