"""The calls about webhooks: a shop sees and removes its own."""

from flask import Flask
from werkzeug.test import TestResponse

from tests.api.api_clients import ApiClient, create_api_client

URL = "https://mugs.example/?rest_route=/points"


def delete(client: ApiClient, webhook_id: int) -> TestResponse:
    return client.client.delete(f"/api/v1/webhooks/{webhook_id}", headers=client.headers)


def test_a_shop_adds_lists_and_removes_its_webhooks(app: Flask, api_client: ApiClient) -> None:
    added = api_client.post("/webhooks", {"url": URL})
    assert added.status_code == 201
    assert added.json["secret"].startswith("whsec_")
    webhook = added.json["webhook"]
    never = ("last_success_at", "last_error", "last_error_at", "waiting_since")
    assert webhook == {"id": 1, "url": URL, "state": "new", "created_at": webhook["created_at"]} | dict.fromkeys(never)
    api_client.record({"customer": "alice@example.test", "points": 5})
    [listed] = api_client.get("/webhooks").json
    assert listed["waiting_since"]
    assert listed == webhook | {"waiting_since": listed["waiting_since"]}
    assert "whsec_" not in api_client.get("/webhooks").text

    other = create_api_client(app, "other")
    assert other.get("/webhooks").json == []
    assert delete(other, 1).status_code == 404
    assert other.post("/webhooks", {"url": URL}).status_code == 201
    assert delete(api_client, 1).json == {"id": 1, "removed": True}
    assert delete(api_client, 1).status_code == 404
    assert api_client.get("/webhooks").json == []
    assert len(other.get("/webhooks").json) == 1


def test_what_is_refused(api_client: ApiClient) -> None:
    assert api_client.post("/webhooks", {"url": URL}).status_code == 201
    taken = api_client.post("/webhooks", {"url": URL})
    assert (taken.status_code, taken.json["error"]["code"]) == (409, "url_taken")
    again = api_client.post("/webhooks", {"url": URL.replace("https://mugs.example", "HTTPS://Mugs.Example:443")})
    assert (again.status_code, again.json["error"]["code"]) == (409, "url_taken"), "the same place"
    for body in ({}, {"url": None}, {"url": "mugs.example"}, {"url": URL + "#x"}, {"url": URL, "secret": "x"}, []):
        answer = api_client.post("/webhooks", body)
        assert (answer.status_code, answer.json["error"]["code"]) == (422, "invalid"), body
    assert len(api_client.get("/webhooks").json) == 1


def test_the_message_is_described(stranger: ApiClient) -> None:
    document = stranger.get("/openapi.json").json
    schema = document["webhooks"]["points.changed"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/PointsChanged"}
