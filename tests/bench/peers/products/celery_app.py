"""Celery with Redis."""

import os

import post
from celery import Celery

app = Celery("bench", broker=os.environ["PEER_STORE"])
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)


@app.task(name="deliver")
def deliver(number: int) -> None:
    """One movement."""
    post.post(number)


def enqueue(count: int) -> None:
    """One task for each movement."""
    with app.connection_for_write() as connection:
        for number in range(count):
            deliver.apply_async((number,), connection=connection)
