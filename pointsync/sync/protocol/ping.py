"""The ping: is there a site, are the credentials right, does the reserve exist, and which dialect does it speak."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pointsync import clock
from pointsync.net.http_client import HttpClient
from pointsync.sync.protocol import envelope, woorewards_client
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.protocol.pointsync_client import Reply, send_signed
from pointsync.sync.protocol.request import Target
from pointsync.sync.site import catalogue, stamps
from pointsync.sync.site.local_site import Identity
from pointsync.sync.site.stamps import Stamp
from pointsync.text_limits import MAX_NAME_LENGTH, sanitise

POINTSYNC, WOOREWARDS = "pointsync", "woorewards"
MAX_LIST_ITEMS = 200
_SUMS = ("have", "told", "waiting", "changes", "erasures")


@dataclass(frozen=True, slots=True)
class PingResult:
    """The result of a ping: a code, a message for admins, and what the other site reported about itself."""

    is_ok: bool
    code: str
    message: str
    is_permanent: bool = False
    dialect: str | None = None
    name: str | None = None
    signing_key: str | None = None
    is_key_proven: bool = False
    """Whether the answer also proves that the other site knows the Pass."""
    offered_key: str | None = None
    """A key that signed the answer but is not to be trusted: another one than the pinned one, or without the Pass."""
    facts: dict[str, Any] = field(default_factory=dict)
    sums: dict[str, Any] = field(default_factory=dict)
    """`have`, `told` and `waiting` of the answer, not validated yet: what the other site has from this one, what it
    has delivered to this one, and how many movements wait there for this one. `changes` says the same about changes of
    people, and `erasures` what it has done about this site's erasures."""
    stamp: Stamp | None = None
    """What the other site has shown of this one; not verified."""
    clock_offset_seconds: float = 0.0
    retry_after_seconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        """`{ok, code, message}` for commands and the API."""
        return {"ok": self.is_ok, "code": self.code, "message": self.message}


def ping(
    client: HttpClient, identity: Identity, target: Target, now: datetime, open_erasures: Sequence[str] = ()
) -> PingResult:
    """Ping the target. Every failure is a result, too: nothing is raised. `open_erasures`: the ids of those of this
    site's erasures about which it is asked what it has done.

    PointSync is tried first. If something else answers, WooRewards is tried, whose call contains the credentials.
    A site that once spoke PointSync, here or in a call of its own, is never called in the WooRewards dialect: a
    firewall's page must not get the Pass.
    """
    try:
        try:
            return _ping_pointsync(client, identity, target, now, open_erasures)
        except RemoteError as error:
            if not error.is_not_a_site or target.dialect == POINTSYNC or target.keys.pinned:
                raise
            if target.keys.unproven and target.dialect is None:
                raise _only_calls_error(error, target) from None
            first_error = error
        return _ping_woorewards(client, target, first_error)
    except RemoteError as error:
        return PingResult(
            False,
            error.code,
            error.message,
            is_permanent=error.is_permanent,
            retry_after_seconds=error.retry_after_seconds,
            offered_key=error.offered_key,
            stamp=error.stamp,
        )


def _ping_pointsync(
    client: HttpClient, identity: Identity, target: Target, now: datetime, open_erasures: Sequence[str]
) -> PingResult:
    asked = {"erasures": list(open_erasures)} if open_erasures else {}
    content = envelope.encode_members(observed=target.observed, **asked)
    # With our own time first: after the other clock is corrected, the stored offset may still be accepted there.
    reply = send_signed(client, identity, replace(target, clock_offset_seconds=0.0), "ping", content, now)
    body = reply.body
    if body.get("site") != target.auth:
        message = f"{target.url} belongs to a different site than this Auth. Check URL and Auth."
        raise RemoteError("other_site", message, is_permanent=True)
    name = sanitise(str(body.get("name") or ""), MAX_NAME_LENGTH) or target.url
    facts = _parse_facts(body)
    if not isinstance(body.get("reserve"), dict):
        keys = ", ".join(reserve["key"] for reserve in facts["reserves"]) or "none"
        message = (
            f"{name} has no active points reserve {target.reserve!r}. Active reserves there: {keys}. Choose one "
            "of them as the target reserve."
        )
        return _pointsync_result(reply, "unknown_reserve", message, name, facts, is_ok=False)
    reserve_name = sanitise(str(body["reserve"].get("name") or target.reserve), MAX_NAME_LENGTH)
    message = f"Connected to {name}. Points go to its reserve “{reserve_name}”."
    if reply.clock_offset_seconds:
        minutes = abs(reply.clock_offset_seconds) / 60
        message += f" The clocks of the two sites differ by {minutes:,.0f} minutes. Correct the clock there or here."
    if not reply.is_proven:
        message += (
            f" {name} does not prove that it knows the Pass, as PointSync 0.1.0 cannot. Its key is pinned from before. "
            "Check its URL, and ask its admin to upgrade."
        )
    if facts["pass_ends_at"]:
        message += f" {_pass_ends_message(name, facts['pass_ends_at'])}"
    if identity.auth not in facts["lists"]:
        message += (
            f" {name} does not list this site yet. Add this site to its Remote sites, or its points will not arrive "
            "here."
        )
    return _pointsync_result(reply, "clock_skew" if reply.clock_offset_seconds else "ok", message, name, facts)


def _pointsync_result(
    reply: Reply, code: str, message: str, name: str, facts: dict[str, Any], *, is_ok: bool = True
) -> PingResult:
    return PingResult(
        is_ok,
        code,
        message,
        is_permanent=not is_ok,
        dialect=POINTSYNC,
        name=name,
        signing_key=reply.signing_key,
        is_key_proven=reply.is_proven,
        facts=facts,
        sums={name: reply.body[name] for name in _SUMS if name in reply.body},
        stamp=stamps.parse_json(reply.body.get("stamp")),
        clock_offset_seconds=reply.clock_offset_seconds,
    )


def _only_calls_error(error: RemoteError, target: Target) -> RemoteError:
    """No site answers in the PointSync dialect, but one has called in that dialect under the target's Auth."""
    message = (
        f"{error.message} This site was called in the PointSync dialect under that Auth, so the WooRewards dialect, "
        "which sends the Pass, is not tried. If it is a WooRewards shop, somebody else has called: refuse the key of "
        "those calls."
    )
    return RemoteError(error.code, message, is_permanent=True, status=error.status)


def _ping_woorewards(client: HttpClient, target: Target, first_error: RemoteError) -> PingResult:
    """`first_error` is why it is not PointSync. A redirect that it reports is what is wrong with the URL."""
    try:
        name = woorewards_client.fetch_reserve_name(client, target)
    except RemoteError as error:
        raise first_error if error.code == "not_a_site" and 300 <= first_error.status < 400 else error from None
    return PingResult(
        True,
        "ok",
        f"Connected to the WooRewards shop at {target.url}. Points go to “{name}”.",
        dialect=WOOREWARDS,
        facts={"reserves": [{"key": target.reserve, "name": name}]},
    )


def _parse_facts(body: dict[str, Any]) -> dict[str, Any]:
    """The parts of a ping's answer that are stored: texts are cut and cleaned, lists are bounded."""
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
        "understands": [sanitise(str(each), 32) for each in _bounded_list(body, "understands")],
        **catalogue.parse_ping_fields(body),
        "lists": [sanitise(str(each), MAX_NAME_LENGTH) for each in _bounded_list(body, "lists")],
        "max_batch": max_batch if isinstance(max_batch, int) and max_batch >= 1 else 1,
        "pass_ends_at": _normalize_time(body.get("pass_ends_at")),
    }


def _normalize_time(value: Any) -> str | None:
    """An RFC 3339 time in our own format; None if it is anything else."""
    try:
        return clock.to_text(clock.from_text(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def _pass_ends_message(name: str, ends_at: str) -> str:
    time_text = f"{clock.from_text(ends_at):%-d %b %Y, %H:%M} UTC"
    return (
        f"{name} has a new Pass. The Pass entered here is valid until {time_text}: ask its admin for the new sharing "
        "key and paste it here before then."
    )


def _bounded_list(body: dict[str, Any], name: str) -> list[Any]:
    items = body.get(name)
    return items[:MAX_LIST_ITEMS] if isinstance(items, list) else []
