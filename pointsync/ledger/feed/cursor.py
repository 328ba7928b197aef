"""The cursor of the feed: a position in it that is valid only in the database that it comes from."""

import re
from dataclasses import dataclass
from typing import Self

from pointsync import crypto
from pointsync.errors import InvalidInput
from pointsync.ledger.feed.lineage import LENGTH

MAX_LENGTH = 100
_START_CHECK = "00000000"
_FORMAT = re.compile(rf"([0-9a-f]{{{LENGTH}}})-([0-9]{{1,18}})-([0-9a-f]{{{len(_START_CHECK)}}})\Z")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The position after the movement `seq`. `check` tells the movement from another one with the same number."""

    lineage: str
    seq: int
    check: str

    @classmethod
    def at_start(cls, lineage: str) -> Self:
        """The position before the first movement."""
        return cls(lineage, 0, _START_CHECK)

    @classmethod
    def after_movement(cls, lineage: str, seq: int, origin: str, movement_id: str) -> Self:
        """The position after a movement."""
        return cls(lineage, seq, crypto.sha256_hex(f"{origin}\n{movement_id}")[: len(_START_CHECK)])

    @classmethod
    def parse(cls, text: str) -> Self:
        """The cursor in `text`. Raises InvalidInput for `after` if it is none."""
        match = _FORMAT.match(text)
        if match is None:
            raise InvalidInput(
                "after",
                "Give the value of next, or the cursor of a movement, from an earlier answer. Leave it out to begin "
                "with the first movement, or give latest to begin with what comes.",
            )
        return cls(match[1], int(match[2]), match[3])

    def __str__(self) -> str:
        return f"{self.lineage}-{self.seq}-{self.check}"
