"""huey with its SQLite storage, which commits as durably as PointSync."""

import os

import post
from huey import SqliteHuey

huey = SqliteHuey(filename=os.environ["PEER_STORE"], fsync=True, results=False)


@huey.task()
def deliver(number: int) -> None:
    """One movement."""
    post.post(number)


def enqueue(count: int) -> None:
    """One task for each movement."""
    for number in range(count):
        deliver(number)
