"""The six ways in which movements come to a site, each into a points reserve of its own."""

import csv
import io
import itertools
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import select

from pointsync import clock, db
from pointsync.cli.commands import ROOT
from pointsync.imports.run import Import, ImportOptions
from pointsync.ledger import reserves
from pointsync.models import Balance, Customer, Reserve
from pointsync.runtime import get_runtime
from pointsync.woocommerce import hooks
from tests.api.api_clients import SECRET, HookClient, create_api_client
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import SignedCaller
from tests.peer.woorewards_caller import ROUTE, WooRewardsCaller

NAMES = ("api", "command", "csv", "hook", "pointsync", "woorewards")


class EntryPoints:
    """Callers of one site. Each way gets an address, and points as JSON writes them: `50.0`, or the text `"50.00"`."""

    def __init__(self, site: PeerSite, folder: Path) -> None:
        self.site, self.folder = site, folder
        for name in NAMES:
            site.write(partial(reserves.create, key=name, name=name, now=clock.now(), may_go_below_zero=True))
        self._api = create_api_client(site.app)
        self._peer, self._shop = SignedCaller(site), WooRewardsCaller(site)
        with site.app.app_context():
            hook = db.run_in_transaction(
                lambda session: hooks.add(
                    session,
                    get_runtime().vault,
                    name="hook",
                    secret=SECRET,
                    reserve_key="hook",
                    by_movements=True,
                    now=clock.now(),
                )
            )
            self._hook = HookClient(site.app, path=f"/hooks/woocommerce/{hook.token}")
        self._ids = itertools.count(1)

    def send(self, name: str, address: str, points: str) -> tuple[str, int] | None:
        """Send it by one way. Return the customer who got points and how many, or None if nobody got any."""
        before = self._balances(name)
        send: Callable[[str, str], None] = getattr(self, f"_send_by_{name}")
        send(address, points)
        after = self._balances(name)
        changed = {
            email: after[email] - before.get(email, 0) for email in after if after[email] != before.get(email, 0)
        }
        assert len(changed) <= 1
        return next(iter(changed.items()), None)

    def _send_by_api(self, address: str, points: str) -> None:
        raw = f'{{"customer": {json.dumps(address)}, "points": {points}, "reserve": "api"}}'
        answer = self._api.record(data=raw, headers={"Content-Type": "application/json"})
        assert answer.status_code in (201, 422), answer.text

    def _send_by_command(self, address: str, points: str) -> None:
        arguments = ["record", "--reserve", "command", "--", address, _as_text(points)]
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            patch.setenv("POINTSYNC_DATA", str(self.site.folder))
            with pytest.raises(SystemExit) as end:
                ROOT.main(arguments, prog_name="pointsync")
        assert end.value.code in (0, None, 2), end.value.code

    def _send_by_csv(self, address: str, points: str) -> None:
        path = self.folder / "given.csv"
        with path.open("w", newline="") as file:
            rows = [("customer", "reserve", "points", "ref"), (address, "csv", _as_text(points), next(self._ids))]
            csv.writer(file).writerows(rows)
        with self.site.app.app_context():
            importing = Import(path, ImportOptions(is_opening=False), self.folder / "scratch.db", clock.now())
            list(importing.record(db.run_in_transaction))
            db.session.remove()

    def _send_by_hook(self, address: str, points: str) -> None:
        moved = {"movement_id": next(self._ids), "email": address, "stack": "default", "moved": "?", "total": 0}
        raw = json.dumps({"action": "x", "arg": moved}).replace('"?"', points).encode()
        assert self._hook.deliver("action.woocommerce_pointsync_movement", raw)["outcome"] in ("recorded", "unused")

    def _send_by_pointsync(self, address: str, points: str) -> None:
        movement = {"id": str(next(self._ids)), "customer": address, "points": "?", "kind": "earn", "reason": ""}
        body = self._peer.body(reserve="pointsync", movements=[movement | {"at": "2026-03-01T11:59:00Z"}])
        answer = self._peer.post("movements", json.dumps(body).replace('"?"', points).encode())
        assert answer.status_code in (200, 400), answer.text

    def _send_by_woorewards(self, address: str, points: str) -> None:
        text = _as_text(points)
        number, action = (text[1:], "sub") if text.startswith("-") else (text, "add")
        path = f"{ROUTE}/sync/woorewards/{quote(address, safe='')}/{quote(number, safe='')}/{action}"
        form = {"source": self._shop.auth, "transaction_id": str(next(self._ids)), "reason": ""}
        answer = self.site.app.test_client().post(path, data=form, headers=self._shop.credentials)
        assert answer.status_code in (200, 404), answer.text

    def _balances(self, reserve: str) -> dict[str, int]:
        query = select(Customer.email, Balance.points).join(Balance, Balance.customer_id == Customer.id)
        query = query.join(Reserve, Reserve.id == Balance.reserve_id).where(Reserve.key == reserve)
        return self.site.read(lambda session: dict(session.execute(query).all()))


def _as_text(points: str) -> str:
    """What a person or a program writes in a cell or an argument for this number or text in JSON."""
    return points.strip('"')
