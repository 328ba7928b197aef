"""Erasures as JSON, for commands and the API."""

from msgspec import Struct, field


class ErasureSite(Struct, kw_only=True):
    """Another site that gets an erasure. Its `state`:

    `waiting`: it does not have it yet. `told`: it has it, and has said nothing about what it did. `erased`. `clean`:
    nothing there names the person any more. `by_hand`: it does not understand erasures, so tell its owner.
    `told_by_hand`: an admin has done that.
    """

    auth: str
    name: str
    state: str
    told_at: str | None
    erased_at: str | None
    cleaned_at: str | None
    counts: dict[str, int]
    told_by: str | None
    """The admin who has told its owner."""
    message: str | None
    """Its last answer, if it does not have it yet."""


class ErasureBackup(Struct, kw_only=True):
    """A backup that was made before a person was erased."""

    path: str
    made_at: str
    kept_until: str | None
    """When its retention ends; null if nobody has said how long backups are kept."""


class ErasureDocument(Struct, kw_only=True):
    """A request to erase a person, or the receipt. Its `state`: `waiting`, `stopped`, `approval` (of another site: an
    admin decides here), `refused`, `cleaning` (the addresses are gone, texts are still searched) or `done`."""

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
