"""Parts of a delivery: the receiving transaction without HTTP, and calls with one movement each."""

import json
import shutil
import tempfile
from pathlib import Path
from time import perf_counter

import requests

from pointsync import clock, crypto, db, ids
from pointsync.ledger import reserves
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.sync.protocol import wire
from tests.bench.sizes import size
from tests.support import new_tables
from tests.support.apps import create_application, create_site, open_context
from tests.support.process import SiteProcess

BATCH = 1_000
SAMPLE = size(2_000, quick=50)


def measure(backlog: int, customers: int) -> float:
    """Movements per second of the receiving transaction, with batches of 1,000 and SQLite's synchronous=FULL."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(new_tables.sqlite_file(), folder / "pointsync.db")
        with open_context(create_application(f"sqlite:///{folder}/pointsync.db", folder)):
            create_site()
            batches = [
                [
                    IncomingMovement(
                        id=str(n + 1), customer=f"c{n % customers}@bench.example", points=1 + n % 9, kind="earn"
                    )
                    for n in range(start, min(start + BATCH, backlog))
                ]
                for start in range(0, backlog, BATCH)
            ]
            began = perf_counter()
            for batch in batches:
                with db.transaction() as session:
                    apply(session, "wrk_0000000000000000", reserves.get(session, "default"), batch, clock.now())
            return backlog / (perf_counter() - began)


def measure_one_call_each(receiver: SiteProcess) -> float:
    """Movements per second with one call and one commit for each movement, as in other products."""
    facts = receiver.cli("site", "--secrets")
    sender, (private_key, _) = ids.new_auth(), crypto.new_signing_key()
    url = f"{receiver.url}{wire.URL_PREFIX}/movements"
    with requests.Session() as session:
        began = perf_counter()
        for number in range(1, SAMPLE + 1):
            movement = {
                "id": str(number),
                "customer": f"c{number % 100}@bench.example",
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
