"""Movements per second from one site to another: in batches, one POST each, and the bare apply transaction."""

import json
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import requests

from pointsync import clock, config, create_app, crypto, db, ids
from pointsync.ledger import reserves
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.runtime import get_runtime
from pointsync.sync.protocol import wire
from pointsync.sync.site import local_site
from tests.bench.two_sites import record_movements, two_sites, wait_until_sent
from tests.support.process import SiteProcess

BACKLOG = 100_000
SAMPLE = 2_000
CUSTOMERS = 5_000
BATCH = 1_000


def run() -> dict[str, Any]:
    """All three figures in one run, because machines and their load differ."""
    bare = _measure_bare_apply()
    with two_sites() as (a, b, key):
        a.cli("remote", "pause", "1")
        for start in range(0, BACKLOG, BATCH):
            numbers = range(start, start + BATCH)
            record_movements(
                a, key, [{"customer": f"c{n % CUSTOMERS}@bench.example", "points": 1 + n % 9} for n in numbers]
            )
        a.cli("remote", "resume", "1")
        began = perf_counter()
        wait_until_sent(a, 600)
        batched = BACKLOG / (perf_counter() - began)
        assert b.cli("verify")["ok"]
        single = _measure_one_call_each(b)
    return {
        "bare apply transaction, no HTTP, movements/s": round(bare),
        f"{BACKLOG:,} from A to B in batches, movements/s": round(batched),
        f"{SAMPLE:,} POSTs of one movement each, movements/s": round(single),
        "batches / bare apply": round(batched / bare, 2),
        "batches / one each": round(batched / single, 1),
    }


def _measure_bare_apply() -> float:
    """The rate of the receiving transaction alone, with the same batches and SQLite's synchronous=FULL."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(config.load({"POINTSYNC_DATA": folder}, Path(folder)))
        with app.app_context():
            db.upgrade()
            with db.transaction() as session:
                local_site.get_or_create(session, get_runtime().vault, clock.now())
            began = perf_counter()
            for start in range(0, BACKLOG, BATCH):
                batch = [
                    IncomingMovement(
                        id=str(n + 1), customer=f"c{n % CUSTOMERS}@bench.example", points=1 + n % 9, kind="earn"
                    )
                    for n in range(start, start + BATCH)
                ]
                with db.transaction() as session:
                    apply(session, "wrk_0000000000000000", reserves.get(session, "default"), batch, clock.now())
            return BACKLOG / (perf_counter() - began)


def _measure_one_call_each(receiver: SiteProcess) -> float:
    """The rate with one call and one commit for each movement, as in other products."""
    facts = receiver.cli("site", "--secrets")
    sender, (private_key, _) = ids.new_auth(), crypto.new_signing_key()
    url = f"{receiver.url}{wire.URL_PREFIX}/movements"
    with requests.Session() as session:
        began = perf_counter()
        for number in range(1, SAMPLE + 1):
            movement = {
                "id": str(number),
                "customer": f"c{number % CUSTOMERS}@bench.example",
                "points": 1,
                "kind": "earn",
                "reason": "",
                "at": clock.to_text(clock.now()),
            }
            content = {"from": sender, "to": facts["auth"], "reserve": "default", "movements": [movement]}
            body = json.dumps(content).encode()
            headers = wire.build_request_headers(body, sender, facts["auth"], facts["pass"], private_key, clock.now())
            answer = session.post(url, data=body, headers=headers, timeout=30)
            assert answer.json()["results"][0]["status"] == "applied", answer.text
        return SAMPLE / (perf_counter() - began)
