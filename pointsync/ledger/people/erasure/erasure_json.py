"""Erasures as JSON, for commands and the API."""

from msgspec import Struct, field


class ErasureSite(Struct, kw_only=True):
    """Another site that gets an erasure. Its `state`:

    `waiting`: it does not have the erasure yet. `told`: it has it, and has not reported yet. `erased`: the addresses
    are gone there, and texts are still cleaned. `clean`: nothing there names the person any more. `by_hand`: it cannot
    get erasures, or was removed from the remote sites, so ask its owner to erase the person. `told_by_hand`: an admin
    has confirmed that the owner was asked.
    """

    auth: str
    name: str
    state: str
    told_at: str | None
    erased_at: str | None
    cleaned_at: str | None
    counts: dict[str, int]
    told_by: str | None
    """The admin who has informed its owner."""
    message: str | None
    """Why it does not have the erasure yet, as far as that is known."""


class ErasureBackup(Struct, kw_only=True):
    """A backup that was made before a person was erased."""

    path: str
    made_at: str
    kept_until: str | None
    """When its retention ends; null if the setting `backup_days` is 0."""


class ErasureDocument(Struct, kw_only=True):
    """A request to erase a person, or the receipt. Its `state`: `waiting`, `stopped`, `approval` (it came
    from another site and waits for an admin), `refused`, `cleaning` (the addresses are gone, texts are still cleaned)
    or `done`."""

    id: str
    state: str
    requested_at: str
    requested_by: str
    due_at: str
    customer: str | None
    """The address, only while the request waits."""
    stopped_at: str | None
    stopped_by: str | None
    effective_at: str | None
    """What is dated before belongs to the erased person."""
    erased_at: str | None
    cleaned_at: str | None
    progress: int
    """Of the cleaning, in percent."""
    counts: dict[str, int]
    sites: list[ErasureSite] = field(default_factory=list)
    backups: list[ErasureBackup] = field(default_factory=list)
