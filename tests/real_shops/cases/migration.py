"""Balances of another program are in PointSync once, whichever shops of the family bring them, and how often."""

import re
from typing import Any

from tests.real_shops.merchant import Merchant
from tests.real_shops.world import Skipped, World

PART_SECONDS = 0.01
"""The time of one part: then the migration waits for the schedule."""


def _dry_run(w: World, source: str, **more: Any) -> dict[str, Any]:
    w.do("migration_forget")
    found = w.do("migration_begin", source=source, **{"was_in_step": True, **more})
    assert found["problem"] == "", found["problem"]
    assert found["phase"] == "ready", found
    return dict(found)


def _record(w: World) -> dict[str, Any]:
    found = w.do("migration_record")
    assert (found["phase"], found["problem"]) == ("done", ""), found
    return dict(found)


def _points(w: World, *emails: str) -> list[int]:
    return [w.member.points(each) or 0 for each in emails]


def case_a_csv_file(w: World) -> None:
    alice, bob, carol = w.who("alice"), w.who("bob"), w.who("carol")
    w.member.record(bob, 5)
    text = "\n".join(
        [
            "Name;E-Mail;Points",
            *(f"A;{alice.upper()};100", f"B;{bob};20,0", "C;carol;30", f"D;{carol};1.000", f"E;{w.who('minus')};-5"),
            *(f"F;{w.who('none')};0", f"G;twice-{w.run}@example.com;1", f"H;twice-{w.run}@example.com;2"),
        ]
    )
    found = _dry_run(w, "csv", csv=text, program=f"old-{w.run}")
    assert found["lines"] == {"ready": 2, "doubtful": 5, "empty": 1}, found["lines"]
    assert (found["points"]["ready"], found["other"]) == (120, 1)
    assert found["reasons"] == {"twice": 2, "no_address": 1, "ambiguous": 1, "below_zero": 1}, found["reasons"]
    assert f"twice-{w.run}@example.com" in found["page"]
    assert _points(w, alice, bob, carol) == [0, 5, 0], "a dry run records nothing"
    assert _record(w)["lines"]["recorded"] == 2
    assert _points(w, alice, bob, carol) == [100, 25, 0]
    again = _dry_run(w, "csv", csv=text, program=f"old-{w.run}")
    assert again["lines"]["known"] == 2
    assert "ready" not in _record(w)["lines"]
    assert _points(w, alice, bob) == [100, 25]
    w.do("migration_forget")
    assert w.do("migration_begin", source="csv", was_in_step=True, csv="name,age\nA,5\n")["problem"]


def case_in_parts_with_a_stop(w: World) -> None:
    """PointSync goes away in the middle, and an admin stops it and goes on; each counts once."""
    emails = [w.who("many") for _ in range(1200)]
    text = "email,points\n" + "\n".join(f"{each},7" for each in emails)
    w.do("migration_forget")
    found = w.do(
        "migration_begin", source="csv", was_in_step=True, csv=text, program=f"m-{w.run}", seconds=PART_SECONDS
    )
    assert (found["phase"], found["lines"]) == ("comparing", {"ready": 500, "new": 700}), found["lines"]
    while found["phase"] == "comparing":
        found = w.do("migration_go_on", seconds=PART_SECONDS)
    assert found["lines"] == {"ready": 1200}
    found = w.do("migration_record", seconds=PART_SECONDS)
    assert found["lines"] == {"recorded": 500, "ready": 700}, found["lines"]
    w.member.site.kill()
    try:
        found = w.do("migration_go_on")
        assert (found["phase"], found["stopped"], bool(found["problem"])) == ("recording", False, True), found
    finally:
        w.member.site.start()
    w.do("migration_stop")
    w.shop.tick()
    assert w.do("migration")["lines"] == {"recorded": 500, "ready": 700}, "it is stopped"
    found = w.do("migration_resume")
    assert (found["phase"], found["lines"]) == ("done", {"recorded": 1200}), found["lines"]
    assert _points(w, emails[0], emails[599], emails[-1]) == [7, 7, 7]
    w.do("migration_forget")


def case_by_the_page(w: World) -> None:
    """A shop manager uploads a file, sees the dry run, records it, and gets a list of what was left out."""
    w.do("migration_forget")
    email = w.who("uploaded")
    merchant = Merchant(w)
    fields = {"source": "csv", "program": f"u-{w.run}", "was_in_step": "yes"}
    text = f"email,points\n{email},40\nnobody,=5\n".encode()
    for wrong, message in (
        ({"was_in_step": ""}, "choose whether customers had the same points"),
        ({"program": "My Rewards"}, "Name of the program: use"),
        ({}, "Choose a file."),
    ):
        page = merchant.press("migration_begin", **{**fields, **wrong})
        assert message in page, page
        assert not wrong.get("program") or 'value="My Rewards"' in page, "what was typed is kept"
    page = merchant.press("migration_begin", file=("old.csv", b"name\xff"), **fields)
    assert "not text in UTF-8" in page
    page = merchant.press("migration_begin", file=("old.csv", text), **fields)
    assert "The dry run is done" in page, page
    assert "There is no valid e-mail address" not in page
    assert "The points are not a whole number" in page
    assert _points(w, email) == [0]
    page = merchant.press("migration_record")
    assert re.search(r"Recorded</th><td>1</td><td>40</td>", page), page
    assert _points(w, email) == [40]
    left_out = merchant.press("migration_download").splitlines()
    assert left_out[0] == "place,email,points,reserve,why"
    assert left_out[1].startswith("3,nobody,0,default,"), left_out
    assert "Begin the dry run" in merchant.press("migration_forget")


def case_points_and_rewards(w: World) -> None:
    """With a table made after its documentation."""
    emails = [w.who("gained") for _ in range(2)]
    accounts = w.do("accounts", emails=emails)
    rows = [[accounts[0], 100, 60], [accounts[0], 50, 50], [accounts[1], 30, 0], [999_999_999, 5, 5]]
    w.do("points_and_rewards", rows=rows)
    try:
        found = _dry_run(w, "points-and-rewards", program=f"p-{w.run}")
        assert found["lines"] == {"ready": 1, "empty": 1, "doubtful": 1}, found["lines"]
        assert found["reasons"] == {"no_address": 1}
        _record(w)
        assert _points(w, *emails) == [110, 0]
    finally:
        w.do("points_and_rewards")
        w.do("migration_forget")


def case_myrewards_then_the_bridge(w: World) -> None:
    """What happens between the migration and the bridge counts once as well."""
    if w.do("myrewards_pool") is None:
        raise Skipped("MyRewards is not in this shop")
    email = w.who("moved")
    [account] = w.do("accounts", emails=[email], verified=True)
    program = f"r-{w.run}"
    move = {"moves": [[account, "addPoints", 100]]}
    w.do("myrewards_moves", **move)
    _dry_run(w, "myrewards", stack="default", program=program)
    w.do("myrewards_moves", **move)  # between the dry run and the recording
    found = w.do("migration_record", seconds=PART_SECONDS)
    w.do("myrewards_moves", **move)  # in the middle of the recording
    while found["phase"] != "done":
        assert "are not in PointSync yet" in w.do("myrewards_on")["problem"], "not before it is done"
        found = w.do("migration_go_on", seconds=PART_SECONDS)
    w.do("myrewards_moves", **move)
    assert _points(w, email) == [200]
    again = _dry_run(w, "myrewards", stack="default", program=program)
    assert "ready" not in again["lines"], again["lines"]
    assert "refused" not in again["lines"], again["lines"]
    assert w.do("myrewards_on")["problem"] == ""
    w.shop.wait_balance(email, 400)
    assert (_points(w, email), w.do("myrewards_points", accounts=[account])) == ([400], [400])
    w.do("myrewards_pool")


def pair_shops_that_were_in_step(first: World, second: World) -> None:
    """Each with a PointSync site of its own: opening balances in both, and nothing more."""
    emails = [first.who("step") for _ in range(3)]
    text = "email,points\n" + "\n".join(f"{each},100" for each in emails)
    for _ in range(2):
        for w in (first, second):
            _dry_run(w, "csv", csv=text, program=f"s-{first.run}")
            _record(w)
            w.do("migration_forget")
    first.member.record(emails[0], 7)
    second.member.record(emails[1], -7, kind="spend")
    for email, points in zip(emails, (107, 93, 100), strict=True):
        first.wait_points(email, points)
        second.wait_points(email, points)
    kinds = [each["kind"] for each in second.member.history(emails[2])]
    assert kinds == ["opening"], kinds


def pair_shops_of_one_site_that_were_in_step(first: World, second: World) -> None:
    """Both are connected with the same PointSync site: the second one brings what is there already."""
    emails = [first.who("shared") for _ in range(2)]
    code = first.member.site.cli("shop", "connect", second.shop.name, "--reserve", "default", "--rate", "1")["code"]
    second.do("disconnect")
    assert second.do("connect", code=code)["problem"] == ""
    try:
        program = f"o-{first.run}"
        for round_number in range(2):
            for w, points in ((first, 100), (second, 100)):
                _dry_run(w, "csv", csv=f"{emails[0]},{points}\n{emails[1]},5", program=program)
                found = _record(w)
                state = "recorded" if (round_number, w) == (0, first) else "known"
                assert found["lines"] == {state: 2}, found["lines"]
                w.do("migration_forget")
        assert _points(first, *emails) == [100, 5]
        _dry_run(second, "csv", csv=f"{emails[0]},120", program=program)
        assert w.do("migration")["reasons"] == {"ref_conflict": 1}
        assert "100 points of" in w.do("migration")["page"]
        w.do("migration_forget")
        _dry_run(second, "csv", csv=f"{emails[0]},20", program=f"own-{first.run}", was_in_step=False)
        _record(second)
        w.do("migration_forget")
        assert _points(first, emails[0]) == [120]
    finally:
        second.do("disconnect")
        assert second.do("connect", code=second.make_code())["problem"] == ""
