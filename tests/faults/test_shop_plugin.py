"""A shop's plugin, which reports orders and has a webhook, over a kill and a restore of its site."""

from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from tests.site.webhooks.receiver import message_headers, message_of
from tests.support.process import SiteProcess, wait_until
from tests.support.scripted_server import ScriptedServer, StartServer, serve

__all__ = ["serve"]

ANNA = "anna@shop.example"


def test_a_plugin_over_a_kill_and_a_restore(tmp_path: Path, serve: StartServer) -> None:
    file, secrets = tmp_path / "backup.zip", []
    is_silent = [True]

    def receive(server: ScriptedServer, connection: Any) -> None:
        while server.read(connection):
            if is_silent[0]:  # until the site is killed
                server.stopping.wait(30)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    receiver = serve(receive)
    with SiteProcess(tmp_path / "site") as site:
        key = site.cli("key", "create", "plugin", "--scope", "shop")["key"]
        site.cli("shop", "rule", "plugin", "--reserve", "default")
        secrets.append(site.api("POST", "/api/v1/webhooks", {"url": receiver.url}, key).body["secret"])

        def report(order_id: int) -> dict[str, Any]:
            item = {"id": 1, "total": "10.00"}
            order = {"id": order_id, "status": "completed", "total": "10.00", "line_items": [item], "refunds": []}
            body = {"shop": "https://shop.example", "orders": [order | {"billing": {"email": ANNA}}]}
            return dict(site.api("POST", "/api/v1/orders", body, key).body)

        first = report(1)
        wait_until(lambda: receiver.requests, 20, "the message arrives")
        is_silent[0] = False
        site.restart()
        wait_until(lambda: len(receiver.requests) > 1, 30, "it comes again after the kill")
        sent = [message_headers(each) for each in receiver.requests]
        assert sent[0]["webhook-id"] == sent[1]["webhook-id"]
        [told] = message_of(receiver.requests[1], Webhook(secrets[0]))["data"]["changes"]
        assert told == {"customer": ANNA, "reserve": "default", "balance": 10}

        site.cli("backup", str(file))
        second = report(2)
        assert second["seen_until"] == first["seen_at"]
        new_key = site.cli("key", "rotate", "plugin", "--keep-old", "1")["key"]
        site.terminate()
        site.cli("restore", str(file))
        site.start()
        site.cli("confirm", "restored")
        assert site.api("GET", "/api/v1/webhooks", key=new_key).status == 401, "the rotation was forgotten"
        wait_until(lambda: b'"restarted":true' in receiver.requests[-1], 30, "the webhook tells of the restore")
        third = report(3)
        assert third["seen_until"] < second["seen_at"]
        assert third["lineage"] != second["lineage"]
        assert message_of(receiver.requests[-1], Webhook(secrets[0]))["data"]["lineage"] == third["lineage"]
        assert [report(each)["results"][0]["status"] for each in (2, 3)] == ["applied", "unchanged"]
        assert site.cli("balance", ANNA)["balances"] == [{"reserve": "default", "points": 30}]
