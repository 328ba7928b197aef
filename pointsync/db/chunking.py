"""Splitting long lists: a database takes only so many parameters in one statement."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

CHUNK_SIZE = 500

Item = TypeVar("Item")


def chunks(items: Sequence[Item], size: int = CHUNK_SIZE) -> Iterator[Sequence[Item]]:
    """`items` in parts of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
