"""The stored data about a person on all sites: from those that answer, and the others are named."""

import csv
import io
import json
from typing import Any

from pointsync import clock, db
from pointsync.reports.person_report import documents, report
from pointsync.runtime import get_runtime
from tests.peer.interceptors import answer_with
from tests.peer.pair.edited_sites import Pair
from tests.peer.peer_site import PeerSite

ANNA = "anna@x.example"


def collect(site: PeerSite, form: str = documents.JSON) -> bytes:
    with site.app.app_context():
        now = clock.now()
        found = report.make(db.session(), get_runtime().config, ANNA, now, is_of_all_sites=True)
        return b"".join(found.iter_document(form))


def points_by_site(site: PeerSite) -> dict[str, tuple[list[int], str | None]]:
    document: dict[str, Any] = json.loads(collect(site))
    return {
        each["name"]: ([row["points"] for row in each["parts"].get("movements", [])], each["problem"])
        for each in document["sites"]
    }


def test_what_the_other_site_holds(pair: Pair) -> None:
    a, b = pair
    (to_b, _), _ = a.list_site(b), b.list_site(a)
    a.check(to_b)
    b.record(ANNA, 7)
    for points in range(1, 4):
        b.record(ANNA, points)
    assert points_by_site(a) == {a.name: ([], None), b.name: ([3, 2, 1, 7], None)}
    lines = list(csv.DictReader(io.StringIO(collect(a, documents.CSV).decode())))
    assert {(each["site"], each["points"]) for each in lines if each["part"] == "balances"} == {(b.name, "13")}


def test_sites_that_do_not_answer_are_named(pair: Pair) -> None:
    a, b = pair
    (to_b, _), _ = a.list_site(b), b.list_site(a)
    a.check(to_b)
    a.record(ANNA, 7)
    b.interceptor = answer_with(404, "not_found", path_suffix="/customers/report")
    problems = points_by_site(a)
    assert problems[a.name] == ([7], None)
    assert "earlier PointSync" in (problems[b.name][1] or "")
    b.interceptor = answer_with(500, "failed", path_suffix="/customers/report")
    assert points_by_site(a)[b.name][1]
    lines = list(csv.DictReader(io.StringIO(collect(a, documents.CSV).decode())))
    assert [each["site"] for each in lines if each["part"] == documents.PROBLEM] == [b.name]
