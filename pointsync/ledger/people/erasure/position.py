"""How far an erasure is here: the search for its customers, and then the cleaning of texts and files."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from pointsync.models import Erasure

FILES_DELAY = timedelta(seconds=30)


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is stored in the column `position`."""

    tokens: tuple[str, ...] = ()
    """Of an erasure that has not been carried out: the tokens that came with it."""
    scanned: int | None = None
    """The last customer who was compared with the hashes, while customers are searched by them."""
    step: int = 0
    """The step of the cleaning."""
    after: int = 0
    """The last row that this step has looked at."""
    files_at: datetime | None = None
    """When the files are looked at again: a task that was not finished needed one."""

    @property
    def is_scanning(self) -> bool:
        """Whether customers are still searched by their hashes."""
        return self.scanned is not None


def read(erasure: Erasure) -> Position:
    """The position of an erasure."""
    return msgspec.convert(erasure.position, Position)


def save(erasure: Erasure, position: Position) -> None:
    """Store the position of an erasure."""
    stored: dict[str, Any] = msgspec.to_builtins(position)
    erasure.position = stored


def restart(erasure: Erasure, *, is_scanning: bool = False) -> None:
    """Clean from the beginning. `is_scanning`: search for customers first. A search that is under way goes on."""
    save(erasure, Position(scanned=0 if is_scanning else read(erasure).scanned))
    erasure.cleaned_at = None


def is_waiting(erasure: Erasure, now: datetime) -> bool:
    """Whether a task that is not finished still needs a file which names the person, so that it is too early."""
    until = read(erasure).files_at
    return until is not None and now < until <= now + FILES_DELAY
