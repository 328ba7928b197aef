"""Checking several remotes at once: a slow one delays no other."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from flask import Flask, current_app

from pointsync import db
from pointsync.db import DatabaseBusy
from pointsync.errors import NotFound
from pointsync.sync.remotes import check, first_checks

log = logging.getLogger(__name__)

MAX_THREADS = 64


def check_all(remote_ids: Sequence[int]) -> list[int]:
    """Ping remotes and save the results. Return those that could not be checked because of a fault in this program.

    Raises DatabaseBusy, after all of them were tried.
    """
    if not remote_ids:
        return []
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with ThreadPoolExecutor(min(len(remote_ids), MAX_THREADS), thread_name_prefix="check") as pool:
        results = list(pool.map(lambda remote_id: _check_one(app, remote_id), remote_ids))
    return [remote_id for remote_id, is_checked in zip(remote_ids, results, strict=True) if not is_checked]


def check_one(remote_id: int) -> None:
    """Ping a remote, if it still exists, and save the result. Raises DatabaseBusy."""
    try:
        check.check_remote(remote_id)
    except NotFound:
        log.info("remote %s was deleted before it was checked", remote_id)


def ask_before_confirmation() -> None:
    """While sending is stopped, ask all remotes what they have heard from this site: a new run must be above that."""
    check_all(first_checks.list_asked(db.session()))


def _check_one(app: Flask, remote_id: int) -> bool:
    with app.app_context():
        try:
            check_one(remote_id)
        except DatabaseBusy:
            raise
        except Exception:
            log.exception("remote %s could not be checked", remote_id)
            return False
    return True
