"""The ping: who answers there, do the credentials fit, is the reserve known; and which dialect it speaks."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from pointsync import clock
from pointsync.net.http_client import HttpClient
from pointsync.sync.protocol import woorewards
from pointsync.sync.protocol.pointsync_client import (
    RemoteError,
    Reply,
    Target,
    parse_json_object,
    parse_retry_after,
    send_request,
    send_signed,
)
from pointsync.sync.site import catalogue
from pointsync.sync.site.local_site import Identity
from pointsync.text_limits import MAX_NAME_LENGTH, sanitise

POINTSYNC, WOOREWARDS = "pointsync", "woorewards"
MAX_LIST_ITEMS = 200


@dataclass(frozen=True, slots=True)
class PingResult:
    """What a ping found: a code of the interfaces, a sentence, and what the other site told of itself."""

    is_ok: bool
    code: str
    message: str
    is_permanent: bool = False
    dialect: str | None = None
    name: str | None = None
    signing_key: str | None = None
    offered_key: str | None = None
    """Another key than the pinned one, which has signed the answer."""
    facts: dict[str, Any] = field(default_factory=dict)
    have: dict[str, Any] | None = None
    clock_offset_seconds: float = 0.0
    retry_after_seconds: float | None = None

    @property
    def to_json(self) -> dict[str, Any]:
        """`{ok, code, message}` for commands and the API."""
        return {"ok": self.is_ok, "code": self.code, "message": self.message}


def ping(client: HttpClient, identity: Identity, target: Target, now: datetime) -> PingResult:
    """Ask the target who it is; a verdict whatever comes back.

    PointSync first; what is no PointSync is tried as WooRewards, whose credentials travel with the
    call. A site that once spoke PointSync never falls back: a firewall's page must not get the Pass.
    """
    try:
        try:
            return _ping_pointsync(client, identity, target, now)
        except RemoteError as error:
            if not error.is_not_a_site or target.dialect == POINTSYNC or target.pinned_key:
                raise
        return _ping_woorewards(client, target)
    except RemoteError as error:
        return PingResult(
            False,
            error.code,
            error.message,
            is_permanent=error.is_permanent or error.is_not_a_site,
            retry_after_seconds=error.retry_after_seconds,
            offered_key=error.offered_key,
        )


def _ping_pointsync(client: HttpClient, identity: Identity, target: Target, now: datetime) -> PingResult:
    payload = msgspec.json.encode({"from": identity.auth, "to": target.auth, "reserve": target.reserve})
    # By our own time first: what was learned of a clock may still pass there after that clock was put right.
    reply = send_signed(client, identity, replace(target, clock_offset_seconds=0.0), "ping", payload, now)
    body = reply.body
    name = sanitise(str(body.get("name") or ""), MAX_NAME_LENGTH) or target.url
    facts = _parse_facts(body)
    if body.get("site") != target.auth:
        raise RemoteError(
            "other_site",
            f"{target.url} is another site than the one in Auth.: check both.",
            is_permanent=True,
        )
    if not isinstance(body.get("reserve"), dict):
        return _unknown_reserve_result(reply, name, facts, target)
    reserve_name = sanitise(str(body["reserve"].get("name") or target.reserve), MAX_NAME_LENGTH)
    message = f"Fine: {name} answers, points go to its reserve “{reserve_name}”."
    code = "ok"
    if reply.clock_offset_seconds:
        code = "clock_skew"
        minutes = abs(reply.clock_offset_seconds) / 60
        message += f" The two clocks are {minutes:,.0f} minutes apart: set them right, on that server or here."
    if facts["pass_ends_at"]:
        message += f" {_pass_ends_message(name, facts['pass_ends_at'])}"
    if identity.auth not in facts["lists"]:
        message += f" {name} does not list this site yet: add it to the Remote sites there, or its points stay there."
    return _pointsync_result(reply, True, code, message, name, facts)


def _unknown_reserve_result(reply: Reply, name: str, facts: dict[str, Any], target: Target) -> PingResult:
    available = ", ".join(reserve["key"] for reserve in facts["reserves"]) or "none that is active"
    message = f"{name} has no active points reserve {target.reserve!r}; there is {available}. Pick one of these as the target."
    return _pointsync_result(reply, False, "unknown_reserve", message, name, facts, is_permanent=True)


def _pointsync_result(
    reply: Reply,
    is_ok: bool,
    code: str,
    message: str,
    name: str,
    facts: dict[str, Any],
    is_permanent: bool = False,
) -> PingResult:
    have = reply.body.get("have")
    return PingResult(
        is_ok,
        code,
        message,
        is_permanent,
        dialect=POINTSYNC,
        name=name,
        signing_key=reply.signing_key,
        facts=facts,
        have=have if isinstance(have, dict) else None,
        clock_offset_seconds=reply.clock_offset_seconds,
    )


def _parse_facts(body: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a ping's answer: texts cut and cleaned, lists bounded."""
    reserves = [
        {
            "key": sanitise(str(each.get("key") or ""), 64),
            "name": sanitise(str(each.get("name") or ""), MAX_NAME_LENGTH),
        }
        for each in _bounded_list(body, "reserves")
        if isinstance(each, dict)
    ]
    max_batch = body.get("max_batch")
    return {
        "version": sanitise(str(body.get("version") or ""), 40),
        "protocols": [each for each in _bounded_list(body, "protocols") if isinstance(each, int)],
        "reserves": reserves,
        "sends_mails": bool(body.get("sends_mails")),
        **catalogue.parse_ping_fields(body),
        "lists": [sanitise(str(each), MAX_NAME_LENGTH) for each in _bounded_list(body, "lists")],
        "max_batch": max_batch if isinstance(max_batch, int) and max_batch >= 1 else 1,
        "pass_ends_at": _normalize_time(body.get("pass_ends_at")),
    }


def _normalize_time(value: Any) -> str | None:
    """An RFC 3339 text as we write it; None for anything else."""
    try:
        return clock.to_text(clock.from_text(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def _pass_ends_message(name: str, ends_at: str) -> str:
    time_text = f"{clock.from_text(ends_at):%-d %b %Y, %H:%M} UTC"
    return (
        f"{name} has changed its Pass., and the one of this line ends on {time_text}: ask its admin for the new sharing "
        "key, and paste it here before that."
    )


def _bounded_list(body: dict[str, Any], name: str) -> list[Any]:
    items = body.get(name)
    return items[:MAX_LIST_ITEMS] if isinstance(items, list) else []


def _ping_woorewards(client: HttpClient, target: Target) -> PingResult:
    url = target.url + woorewards.build_ping_path(target.query_template, target.reserve)
    headers = {"authorization": woorewards.build_basic_auth(target.auth, target.password), "accept": "application/json"}
    response = send_request(client, "GET", url, target, headers, None)
    body = parse_json_object(response.body) or {}
    if response.status == 429:
        retry_after_seconds = parse_retry_after(response)
        raise RemoteError(
            "bad_answer", f"{target.url} asks to come back later.", status=429, retry_after_seconds=retry_after_seconds
        )
    if response.status >= 500:
        raise RemoteError(
            "bad_answer", f"{target.url} answers with an error of its own ({response.status}); look there."
        )
    if response.status == 401:
        raise RemoteError("bad_credentials", _refused_message(target), is_permanent=True)
    if response.status != 200 or body.get("sync") != "yes":
        message = f"{target.url} was reached, but neither PointSync nor WooRewards answers there: check the URL."
        raise RemoteError("not_a_site", message, is_permanent=True)
    if body.get("auth") != "yes":
        raise RemoteError("bad_credentials", _refused_message(target), is_permanent=True)
    pool = body.get("pool")
    if not isinstance(pool, str) or not pool:
        message = (
            f"No points and rewards system at {target.url} uses the reserve {target.reserve!r}: copy its id from there."
        )
        raise RemoteError("unknown_reserve", message, is_permanent=True)
    name = sanitise(pool, MAX_NAME_LENGTH)
    return PingResult(
        True,
        "ok",
        f"Fine: the WooRewards shop at {target.url} answers, points go to “{name}”.",
        dialect=WOOREWARDS,
        facts={"reserves": [{"key": target.reserve, "name": name}]},
    )


def _refused_message(target: Target) -> str:
    return f"{target.url} refuses Auth. and Pass.: copy both again from its Local site information."
