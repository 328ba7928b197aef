"""Calling a WooRewards shop: its ping and its sync call."""

from typing import Any
from urllib.parse import urlencode

from pointsync.net import failed_answer
from pointsync.net.http_client import HttpClient, HttpResponse
from pointsync.sync.protocol import strange_answers, wire, woorewards, woorewards_answer
from pointsync.sync.protocol.errors import (
    RemoteError,
    pass_changed_error,
    refused_error,
    retry_later_error,
    server_error,
)
from pointsync.sync.protocol.request import Target, send_request
from pointsync.sync.site import passes
from pointsync.text_limits import MAX_NAME_LENGTH, sanitise


def fetch_reserve_name(client: HttpClient, target: Target) -> str:
    """Ping the shop and return the name of the target reserve there. Raises RemoteError if the ping fails."""
    path = woorewards.build_ping_path(target.query_template, target.reserve)
    response = send_request(client, "GET", target.url + path, target, _headers(target), None)
    body = woorewards_answer.parse(response.body) or {}
    if error := _http_error(response, body, target, path):
        raise error
    if response.status != 200 or body.get("sync") != "yes":
        if failure := failed_answer.describe(response, target.url):
            raise RemoteError("bad_answer", failure)
        raise RemoteError("not_a_site", strange_answers.describe(response, target.url), is_permanent=True)
    if body.get("auth") != "yes":
        raise _credentials_error(response, target)
    name = body.get("pool")
    if not isinstance(name, str) or not name:
        raise RemoteError("unknown_reserve", unknown_reserve_message(target), is_permanent=True)
    return sanitise(name, MAX_NAME_LENGTH)


def send_movement(client: HttpClient, target: Target, source: str, movement: wire.Movement) -> dict[str, Any]:
    """Send a movement and return the answer's body, which names this movement. Raises RemoteError.

    `source` is this site's Auth. The body's `status_code` is the result: `s200` is applied, `s208` is a duplicate,
    any other an error.
    """
    path = woorewards.build_sync_path(target.query_template, target.reserve, movement.customer, movement.points)
    form = {"source": source, "transaction_id": movement.id, "reason": movement.reason}
    headers = _headers(target) | {"content-type": "application/x-www-form-urlencoded"}
    response = send_request(client, "POST", target.url + path, target, headers, urlencode(form).encode())
    body = woorewards_answer.parse(response.body)
    if response.status != 200 or body is None:
        raise _sync_error(response, body or {}, target, path)
    if str(body.get("transaction_id")) != movement.id:
        message = f"{target.url} answered about a different movement, so the answer was ignored."
        raise RemoteError("bad_answer", message, was_answered=False, status=200)
    return body


def unknown_reserve_message(target: Target) -> str:
    """The shop does not use the target reserve."""
    return (
        f"No active points and rewards system at {target.url} uses the reserve {target.reserve!r}. Activate it there, "
        "or choose another target reserve."
    )


def _headers(target: Target) -> dict[str, str]:
    return {"authorization": woorewards.build_basic_auth(target.auth, target.password), "accept": "application/json"}


def _sync_error(response: HttpResponse, body: dict[str, Any], target: Target, path: str) -> RemoteError:
    status, message = response.status, body.get("message")
    if status == 401 and message == passes.EXPIRED_PASS_MESSAGE:
        return pass_changed_error(target.url, status)
    if status == 403 and woorewards_answer.is_wordpress_error(body, status):
        refusal = next((code for code, text in wire.REFUSAL_MESSAGES.items() if text == message), None)
        return refused_error(refusal, target.url, status) if refusal else _credentials_error(response, target)
    if status == 404:
        message = (
            f"{target.url} has no points sync at the path of the Query Template. Check that the add-on is active and "
            "that the path is right."
        )
        return RemoteError("not_a_site", message, is_permanent=True, status=status)
    if status == 400:
        code = sanitise(str(body.get("code") or status), 40)
        return RemoteError("bad_answer", f"{target.url} refused the request ({code}).", status=status)
    return _http_error(response, body, target, path) or RemoteError(
        "bad_answer", strange_answers.describe(response, target.url), was_answered=False, status=status
    )


def _http_error(response: HttpResponse, body: dict[str, Any], target: Target, path: str) -> RemoteError | None:
    """The error of an HTTP status that means the same for each call of a `path`; None for other statuses."""
    if response.status == 429:
        return retry_later_error(response, target.url)
    if response.status >= 500:
        return server_error(response.status, target.url)
    if response.status == 401 and woorewards_answer.is_wordpress_error(body, response.status):
        return _credentials_error(response, target)
    return strange_answers.redirect_error(response, target.url, path) or strange_answers.in_between_error(
        response, target.url, path
    )


def _credentials_error(response: HttpResponse, target: Target) -> RemoteError:
    message = f"{target.url} refused Auth and Pass. Copy both again from Local site information there."
    return RemoteError("bad_credentials", message, is_permanent=True, status=response.status)
