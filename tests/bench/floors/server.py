"""A bare Flask application on waitress: `python -m tests.bench.floors.server PORT [KIND PLACE]`.

`POST /api/v1/movements` checks the key and records one movement; `POST /apply` applies one movement of another site;
`POST /receive` only counts, for other products that deliver.
"""

import hashlib
import logging
import sys
import threading
from time import monotonic
from typing import Any

import waitress
from flask import Flask, Response, jsonify, request

from tests.bench.databases import Database
from tests.bench.floors.bare_ledger import BareLedger

THREADS = 8
"""As many as `pointsync serve` has by default."""


def create_app(database: Database | None) -> Flask:
    """The application, whose first two views need a database."""
    app = Flask(__name__)
    _add_counter(app)
    if database:
        _add_ledger(app, database)
    return app


def _add_ledger(app: Flask, database: Database) -> None:
    ledger, local = BareLedger(database), threading.local()

    def connect() -> Any:
        if not hasattr(local, "connection"):
            local.connection = database.connect()
        return local.connection

    @app.post("/api/v1/movements")
    def record() -> tuple[Response, int]:
        connection, key = connect(), request.headers["Authorization"].removeprefix("Bearer ")
        if not ledger.find_key(connection, hashlib.sha256(key.encode()).hexdigest()):
            return jsonify(error="unknown key"), 401
        body = request.get_json()
        movement_id, balance = ledger.record(connection, body["customer"], body["points"])
        return jsonify(movement={**body, "id": str(movement_id), "balance": balance, "status": "recorded"}), 201

    @app.post("/apply")
    def apply() -> Response:
        body = request.get_json()
        return jsonify(balance=ledger.receive(connect(), body["customer"], body["points"]))


def _add_counter(app: Flask) -> None:
    lock, received = threading.Lock(), {"count": 0, "first": 0.0, "last": 0.0}

    @app.post("/receive")
    def receive() -> Response:
        assert request.get_json()["customer"]
        now = monotonic()
        with lock:
            received["first"] = received["first"] or now
            received["last"] = now
            received["count"] += 1
        return jsonify(status="applied")

    @app.get("/received")
    def get_received() -> Response:
        """How many calls there were, and the seconds from the first to the last. `?reset` begins anew."""
        with lock:
            answer = {"count": received["count"], "seconds": received["last"] - received["first"]}
            if "reset" in request.args:
                received.update(count=0, first=0.0, last=0.0)
        return jsonify(answer)


def main() -> None:
    """Answer until the process is killed."""
    port, *place = sys.argv[1:]
    app = create_app(Database(*place) if place else None)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a floor does not wait for its log
    waitress.serve(app, host="127.0.0.1", port=int(port), threads=THREADS, _quiet=True)


if __name__ == "__main__":
    main()
