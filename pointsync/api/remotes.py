"""Lists: the points reserves, and the remotes with their status."""

from flask import jsonify
from flask.typing import ResponseReturnValue

from pointsync.api.endpoints import Answer, call
from pointsync.api.schemas import Remote, Reserve
from pointsync.db import db
from pointsync.ledger import reserves
from pointsync.sync.remotes import queue


@call(
    "GET",
    "/reserves",
    scope="read",
    title="Points reserves",
    about="All points reserves, by key.",
    answers={200: Answer("The reserves.", (list[Reserve],))},
)
def list_reserves() -> ResponseReturnValue:
    """All reserves."""
    return jsonify(
        [
            {
                "key": each.key,
                "name": each.name,
                "active": each.is_active,
                "may_go_below_zero": each.may_go_below_zero,
            }
            for each in reserves.every(db.session())
        ]
    )


@call(
    "GET",
    "/remotes",
    scope="admin",
    title="Remote sites",
    about="All remotes, each with its status, as facts have it.",
    answers={200: Answer("The remotes.", (list[Remote],))},
)
def list_remotes() -> ResponseReturnValue:
    """All remotes with their status."""
    return jsonify(queue.listing(db.session()))
