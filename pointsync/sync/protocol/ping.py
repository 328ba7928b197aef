"""The ping: who answers there, do the credentials fit, is the reserve known; and which dialect it speaks."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from pointsync import clock
from pointsync.net.http_client import Client
from pointsync.sync.protocol import woorewards
from pointsync.sync.protocol.pointsync_client import Reply, Target, Trouble, ask, decode, reach, retry_after
from pointsync.sync.site import catalogue
from pointsync.sync.site.local_site import Identity
from pointsync.text_limits import MAX_NAME, clean

POINTSYNC, WOOREWARDS = "pointsync", "woorewards"
MOST_FACTS = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a ping found: a code of the interfaces, a sentence, and what the other site told of itself."""

    ok: bool
    code: str
    message: str
    is_permanent: bool = False
    dialect: str | None = None
    name: str | None = None
    key: str | None = None
    offered_key: str | None = None
    """Another key than the pinned one, which has signed the answer."""
    facts: dict[str, Any] = field(default_factory=dict)
    have: dict[str, Any] | None = None
    clock_offset_seconds: float = 0.0
    retry_after_seconds: float | None = None

    @property
    def shape(self) -> dict[str, Any]:
        """`{ok, code, message}` for commands and the API."""
        return {"ok": self.ok, "code": self.code, "message": self.message}


def ping(client: Client, identity: Identity, target: Target, now: datetime) -> Verdict:
    """Ask the target who it is; a verdict whatever comes back.

    PointSync first; what is no PointSync is tried as WooRewards, whose credentials travel with the
    call. A site that once spoke PointSync never falls back: a firewall's page must not get the Pass.
    """
    try:
        try:
            return _pointsync(client, identity, target, now)
        except Trouble as trouble:
            if not trouble.is_foreign or target.dialect == POINTSYNC or target.pinned_key:
                raise
        return _woorewards(client, target)
    except Trouble as trouble:
        return Verdict(
            False,
            trouble.code,
            trouble.message,
            is_permanent=trouble.is_permanent or trouble.is_foreign,
            retry_after_seconds=trouble.retry_after_seconds,
            offered_key=trouble.offered_key,
        )


def _pointsync(client: Client, identity: Identity, target: Target, now: datetime) -> Verdict:
    question = msgspec.json.encode({"from": identity.auth, "to": target.auth, "reserve": target.reserve})
    # By our own time first: what was learned of a clock may still pass there after that clock was put right.
    reply = ask(client, identity, replace(target, clock_offset_seconds=0.0), "ping", question, now)
    body = reply.body
    name = clean(str(body.get("name") or ""), MAX_NAME) or target.url
    facts = _facts(body)
    if body.get("site") != target.auth:
        raise Trouble(
            "other_site",
            f"{target.url} is another site than the one in Auth.: check both.",
            is_permanent=True,
        )
    if not isinstance(body.get("reserve"), dict):
        return _unknown_reserve(reply, name, facts, target)
    reserve = clean(str(body["reserve"].get("name") or target.reserve), MAX_NAME)
    message = f"Fine: {name} answers, points go to its reserve “{reserve}”."
    code = "ok"
    if reply.clock_offset_seconds:
        code = "clock_skew"
        minutes = abs(reply.clock_offset_seconds) / 60
        message += f" The two clocks are {minutes:,.0f} minutes apart: set them right, on that server or here."
    if facts["pass_ends_at"]:
        message += f" {_pass_ends(name, facts['pass_ends_at'])}"
    if identity.auth not in facts["lists"]:
        message += f" {name} does not list this site yet: add it to the Remote sites there, or its points stay there."
    return _verdict(reply, True, code, message, name, facts)


def _unknown_reserve(reply: Reply, name: str, facts: dict[str, Any], target: Target) -> Verdict:
    there = ", ".join(reserve["key"] for reserve in facts["reserves"]) or "none that is active"
    message = (
        f"{name} has no active points reserve {target.reserve!r}; there is {there}. Pick one of these as the target."
    )
    return _verdict(reply, False, "unknown_reserve", message, name, facts, is_permanent=True)


def _verdict(
    reply: Reply,
    ok: bool,
    code: str,
    message: str,
    name: str,
    facts: dict[str, Any],
    is_permanent: bool = False,
) -> Verdict:
    have = reply.body.get("have")
    return Verdict(
        ok,
        code,
        message,
        is_permanent,
        dialect=POINTSYNC,
        name=name,
        key=reply.key,
        facts=facts,
        have=have if isinstance(have, dict) else None,
        clock_offset_seconds=reply.clock_offset_seconds,
    )


def _facts(body: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a ping's answer: texts cut and cleaned, lists bounded."""
    reserves = [
        {"key": clean(str(each.get("key") or ""), 64), "name": clean(str(each.get("name") or ""), MAX_NAME)}
        for each in _list(body, "reserves")
        if isinstance(each, dict)
    ]
    max_batch = body.get("max_batch")
    return {
        "version": clean(str(body.get("version") or ""), 40),
        "protocols": [each for each in _list(body, "protocols") if isinstance(each, int)],
        "reserves": reserves,
        "sends_mails": bool(body.get("sends_mails")),
        **catalogue.heard(body),
        "lists": [clean(str(each), MAX_NAME) for each in _list(body, "lists")],
        "max_batch": max_batch if isinstance(max_batch, int) and max_batch >= 1 else 1,
        "pass_ends_at": _moment(body.get("pass_ends_at")),
    }


def _moment(said: Any) -> str | None:
    """An RFC 3339 text as we write it; None for anything else."""
    try:
        return clock.to_text(clock.from_text(said)) if isinstance(said, str) else None
    except ValueError:
        return None


def _pass_ends(name: str, ends_at: str) -> str:
    moment = f"{clock.from_text(ends_at):%-d %b %Y, %H:%M} UTC"
    return (
        f"{name} has changed its Pass., and the one of this line ends on {moment}: ask its admin for the new sharing "
        "key, and paste it here before that."
    )


def _list(body: dict[str, Any], name: str) -> list[Any]:
    found = body.get(name)
    return found[:MOST_FACTS] if isinstance(found, list) else []


def _woorewards(client: Client, target: Target) -> Verdict:
    url = target.url + woorewards.ping_path(target.template, target.reserve)
    headers = {"authorization": woorewards.basic(target.auth, target.password), "accept": "application/json"}
    answer = reach(client, "GET", url, target, headers, None)
    body = decode(answer.body) or {}
    if answer.status == 429:
        asked = retry_after(answer)
        raise Trouble("bad_answer", f"{target.url} asks to come back later.", status=429, retry_after_seconds=asked)
    if answer.status >= 500:
        raise Trouble("bad_answer", f"{target.url} answers with an error of its own ({answer.status}); look there.")
    if answer.status == 401:
        raise Trouble("bad_credentials", _refused(target), is_permanent=True)
    if answer.status != 200 or body.get("sync") != "yes":
        message = f"{target.url} was reached, but neither PointSync nor WooRewards answers there: check the URL."
        raise Trouble("not_a_site", message, is_permanent=True)
    if body.get("auth") != "yes":
        raise Trouble("bad_credentials", _refused(target), is_permanent=True)
    pool = body.get("pool")
    if not isinstance(pool, str) or not pool:
        message = (
            f"No points and rewards system at {target.url} uses the reserve {target.reserve!r}: copy its id from there."
        )
        raise Trouble("unknown_reserve", message, is_permanent=True)
    name = clean(pool, MAX_NAME)
    return Verdict(
        True,
        "ok",
        f"Fine: the WooRewards shop at {target.url} answers, points go to “{name}”.",
        dialect=WOOREWARDS,
        facts={"reserves": [{"key": target.reserve, "name": name}]},
    )


def _refused(target: Target) -> str:
    return f"{target.url} refuses Auth. and Pass.: copy both again from its Local site information."
