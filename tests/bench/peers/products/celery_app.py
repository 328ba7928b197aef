"""Celery with Redis: `python -m celery_app COUNT` enqueues."""

import os
import sys

import post
from celery import Celery

app = Celery("bench", broker=os.environ["PEER_STORE"])
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)


@app.task(name="deliver")
def deliver(number: int) -> None:
    """One movement."""
    post.post(number)


if __name__ == "__main__":
    with app.connection_for_write() as connection:
        for each in range(int(sys.argv[1])):
            app.send_task("deliver", (each,), connection=connection)
