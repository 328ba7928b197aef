"""Sample values for what sites compare, fetch back and hand on. Nothing is stored."""

from typing import Any

from pointsync.admin.styleguide.samples import LONG_EMAIL, LONG_NAME, LONG_TEXT, RESERVE, SAMPLE_TIME
from pointsync.models import Comparison, Difference, HandOn, HandOnPermission, Movement, Remote
from pointsync.sync.fetch_back.progress import FetchBackProgress, RemoteProgress
from pointsync.sync.repair.comparison_list import AlteredRow, ComparisonList, ComparisonRow, DifferenceRow, Integrity
from pointsync.sync.repair.plan import CHOICES

AUTHS = ("wrk_" + "1" * 16, "wrk_" + "2" * 16)


def comparison() -> ComparisonList:
    """Remotes that are equal, different, compared right now and not compared; every kind of difference."""
    finished = Comparison(compared=18_233, total=18_233, finished_at=SAMPLE_TIME, sent_again=2, confirmed=1)
    running = Comparison(compared=3_000, total=18_000, finished_at=None)
    rows = [
        ComparisonRow(_remote(1, "Mug shop", True, True), None),
        ComparisonRow(_remote(2, "Tea shop", False, True), finished),
        ComparisonRow(_remote(3, LONG_NAME, False, None), running),
        ComparisonRow(_remote(4, "Print shop", None, None), None),
    ]
    differences = [DifferenceRow(_difference(number, kind), rows[1].remote) for number, kind in enumerate(CHOICES, 1)]
    differences[0].difference.there_points = None
    altered = AlteredRow(Movement(id="17", points=1000), LONG_EMAIL, SAMPLE_TIME)
    integrity = Integrity(SAMPLE_TIME, 12, 1, (600_000, 1_000_000))
    return ComparisonList(rows, differences, 1_234, [altered], integrity)


def _remote(number: int, name: str, is_equal_there: bool | None, is_equal_here: bool | None) -> Remote:
    remote = Remote(id=900 + number, url=f"https://shop-{number}.example", name=name, target="default", reserve=RESERVE)
    remote.is_equal_there, remote.is_equal_here, remote.compared_count = is_equal_there, is_equal_here, 18_233
    remote.compared_at = None if is_equal_there is None else SAMPLE_TIME
    return remote


def _difference(number: int, kind: str) -> Difference:
    difference = Difference(id=number, movement_id=str(914_928_562_351_153_000 + number), kind=kind)
    difference.here_customer, difference.here_points = "alice@example.com", 10
    difference.there_customer, difference.there_points = LONG_EMAIL, -1_234_567
    return difference


def fetch_back() -> FetchBackProgress:
    """A fetch from a remote that has not answered, and from one that has."""
    remotes = [
        RemoteProgress(905, LONG_NAME, "waiting", 400, 1_000, 12, 0, LONG_TEXT),
        RemoteProgress(906, "Tea shop", "fetched", 1_000, 1_000, 3, 1, None),
    ]
    return FetchBackProgress(True, True, None, 12, 1, remotes)


def returned_decisions() -> list[dict[str, Any]]:
    """A decision about a movement that came back."""
    movement = {"points": -20, "customer": LONG_EMAIL, "reserve": "default"}
    return [{"id": "17", "problem": "other_content", "returned": [movement], "here": [movement]}]


def hand_on_jobs() -> list[HandOn]:
    """A job that runs, and one that is done."""
    running = HandOn(origin=AUTHS[0], remote_id=905, sent=400, total=1_000, applied=12, refused=0, message=LONG_TEXT)
    done = HandOn(origin=AUTHS[1], remote_id=906, sent=3, total=3, applied=3, refused=1, finished_at=SAMPLE_TIME)
    return [running, done]


def hand_on_permissions() -> list[HandOnPermission]:
    """A permission."""
    return [HandOnPermission(origin=AUTHS[0], sender=AUTHS[1], allowed_at=SAMPLE_TIME, allowed_by="Ada")]
