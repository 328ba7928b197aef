"""Entries of the audit log about people, as sentences without the actor."""

from collections.abc import Callable
from typing import Any

from pointsync.models import AuditEntry

CHANGE_NOUN, CUSTOMER_NOUN, ERASURE_NOUN = "change of customers", "customer", "erasure"


def describe(row: AuditEntry) -> str | None:
    """What the actor did, such as `renamed customer a@example.com to b@example.com`; None if it is not about people, or
    is said like any other action."""
    write = _WRITERS.get((row.noun, row.action))
    try:
        return write(row) if write is not None else None
    except KeyError:  # entries of an upgrade have other values
        return None


def _describe_renamed(row: AuditEntry) -> str:
    return f"renamed customer {row.before['customer']} to {row.thing}"


def _describe_added(row: AuditEntry) -> str:
    return f"added the address {row.after['alias']} to customer {row.thing}"


def _describe_merged(row: AuditEntry) -> str:
    return f"merged customer {row.before['customer']} into {row.thing}"


def _describe_unmerged(row: AuditEntry) -> str:
    return f"undid the merge of customers {row.thing} and {row.after['other']}"


def _describe_distinguished(row: AuditEntry) -> str:
    return f"marked customers {row.thing} and {row.after['other']} as not the same"


def _describe_reported(row: AuditEntry) -> str:
    whose = (
        " from all sites" if row.after.get("sites") else f" for the site {row.after['to']}" if "to" in row.after else ""
    )
    return f"collected the stored data of customer {row.thing}{whose}"


def _describe_decided(row: AuditEntry) -> str:
    return f"{row.action} the {_change_word(row.after)} of customer {row.thing} by the site {row.after['origin']}"


def _describe_informed(row: AuditEntry) -> str:
    return f"noted that the owner of {row.after['site']} knows of erasure {row.thing_id}"


def _describe_erasure(row: AuditEntry) -> str:
    return f"{row.action} {'a person: ' if row.action == 'erased' else ''}erasure {row.thing_id}"


def _change_word(after: dict[str, Any]) -> str:
    change: str = after["change"]
    return {"erase": "erasure"}.get(change, change)


_WRITERS: dict[tuple[str, str], Callable[[AuditEntry], str]] = {
    (CUSTOMER_NOUN, "renamed"): _describe_renamed,
    (CUSTOMER_NOUN, "added"): _describe_added,
    (CUSTOMER_NOUN, "merged"): _describe_merged,
    (CUSTOMER_NOUN, "unmerged"): _describe_unmerged,
    (CUSTOMER_NOUN, "distinguished"): _describe_distinguished,
    (CUSTOMER_NOUN, "reported"): _describe_reported,
    **{(CHANGE_NOUN, action): _describe_decided for action in ("approved", "refused", "dismissed")},
    (ERASURE_NOUN, "informed"): _describe_informed,
    **{(ERASURE_NOUN, action): _describe_erasure for action in ("requested", "stopped", "erased")},
}
