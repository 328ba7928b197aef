"""huey with its SQLite storage: `python -m huey_app COUNT` enqueues."""

import os
import sys

import post
from huey import SqliteHuey

huey = SqliteHuey(filename=os.environ["PEER_STORE"], fsync=True, results=False)


@huey.task()
def deliver(number: int) -> None:
    """One movement."""
    post.post(number)


if __name__ == "__main__":
    # Under its own name, so that the consumer finds the task.
    from huey_app import deliver as task

    for each in range(int(sys.argv[1])):
        task(each)
