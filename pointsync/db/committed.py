"""The highest numbers of this site that this process has committed or read.

A database that shows lower ones has lost commits: PostgreSQL continued on a standby that did not have them, or another
file was put in place of the database.
"""

import threading
from dataclasses import dataclass

from flask import current_app
from sqlalchemy.orm import Session, SessionTransaction

EXTENSION_KEY = "pointsync_committed"
_INFO_KEY = "committed_numbers"


@dataclass(frozen=True, slots=True)
class SiteNumbers:
    """The last call and the last movement id of the site `auth`."""

    auth: str = ""
    call: int = 0
    last_id: int = 0

    def raised_to(self, other: "SiteNumbers") -> "SiteNumbers":
        """The higher of both numbers; those of the other if it is about another site."""
        if self.auth != other.auth:
            return other
        return SiteNumbers(self.auth, max(self.call, other.call), max(self.last_id, other.last_id))

    def has_lost(self, known: "SiteNumbers") -> bool:
        """Whether a database with these numbers has lost something that is known of the same site."""
        return self.auth == known.auth and (self.call < known.call or self.last_id < known.last_id)


class Committed:
    """The highest numbers of one application; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = SiteNumbers()

    @property
    def numbers(self) -> SiteNumbers:
        """The numbers so far. Take them before the transaction that compares them, or its snapshot may be older."""
        return self._numbers

    def note(self, numbers: SiteNumbers) -> None:
        """Remember numbers that are committed."""
        with self._lock:
            self._numbers = self._numbers.raised_to(numbers)


def get_committed() -> Committed:
    """The current application's numbers."""
    committed: Committed = current_app.extensions[EXTENSION_KEY]
    return committed


def note_at_commit(session: Session, numbers: SiteNumbers) -> None:
    """Remember the numbers if the session's transaction is committed."""
    session.info[_INFO_KEY] = session.info.get(_INFO_KEY, SiteNumbers()).raised_to(numbers)


def note_committed(session: Session) -> None:
    """Remember what `note_at_commit` was called with; for the end of a committed transaction."""
    if numbers := session.info.get(_INFO_KEY):
        get_committed().note(numbers)


def forget_rolled_back(session: Session, _transaction: SessionTransaction) -> None:
    """Forget what `note_at_commit` was called with, when a transaction or a savepoint in it was rolled back."""
    session.info.pop(_INFO_KEY, None)
