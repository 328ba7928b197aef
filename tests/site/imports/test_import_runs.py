"""Importing: the dry run says what recording does; each line counts once; all of a file or nothing of it."""

import csv
import io
from datetime import timedelta
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from pointsync import csv_safety, db
from pointsync.errors import Refused
from pointsync.exports import rows
from pointsync.imports.drafts import Choice, Drafts
from pointsync.imports.messages import sentences
from pointsync.imports.rows import Row
from pointsync.ledger import reserves
from pointsync.ledger.record import Draft, record
from pointsync.ledger.rewards import levels
from pointsync.models import Delivery, Movement, Reserve, Unlock
from pointsync.text_limits import MAX_POINTS, is_storable
from tests.ledger.record_drafts import counts
from tests.site.imports.import_runs import checked, imported
from tests.site.imports.import_runs import given as begun
from tests.support.apps import reserve
from tests.support.bulk_rows import fill
from tests.support.moving_clock import START as NOW

HEADER = "customer,reserve,points,kind,reason,at,ref\n"
ANNA, BOB = "anna@x.example", "bob@x.example"


def movements() -> list[Movement]:
    """All, in the order of recording."""
    with db.write() as session:
        return list(session.scalars(select(Movement).order_by(Movement.seq)))


def deliveries() -> int:
    """How many are owed."""
    with db.write() as session:
        return session.scalar(select(func.count()).select_from(Delivery))


def exported(what: str) -> str:
    """What the site's own export writes."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(rows.header(what))
    with db.write() as session:
        for page in rows.pages(session, what, [], rows.last(session, what)):
            lines.writerows(page)
    return text.getvalue()


def test_a_dry_run_says_all_and_writes_nothing_and_recording_does_as_it_said(app, tmp_path):
    with db.write() as session:
        reserves.add(session, "gold", None, NOW, may_go_below_zero=True)
        record(session, [Draft(ANNA, 100)], "test", NOW)
    before = counts()
    content = (
        f"{HEADER}{ANNA},,-150,earn,Old card,2025-12-31 18:00,r1\n{BOB},gold,-5,,,,\n carl@x.example ,default,+7,,,,\n"
        f"{BOB},,0,,,,\n{ANNA},,-150,,,,r1\n"
    )
    said = checked(tmp_path, content)
    assert counts() == before
    assert said.state == "checked"
    expected = {"lines": 5, "new": 3, "known": 1, "skipped": 1, "faulty": 0, "known_otherwise": 0}
    expected |= {"below_zero": 1, "customers_below_zero": 1, "new_customers": 2}
    assert said.tally == expected | {"points": {"default": -143, "gold": -5}}
    assert said.sums == [
        {"reserve": "default", "before": 100, "points": -143, "after": -43},
        {"reserve": "gold", "before": 0, "points": -5, "after": -5},
    ]
    done = imported(tmp_path, content)
    assert (done.state, done.recorded, done.tally) == ("recorded", 3, said.tally)
    first, *others = movements()[1:]
    assert (first.points, first.kind, first.reason, first.source, first.ref) == (
        -150,
        "opening",
        "Old card",
        "import",
        "r1",
    )
    assert (first.balance, first.below_zero) == (-50, True)
    assert first.at.isoformat() == "2025-12-31T18:00:00+00:00"
    assert [(each.points, each.kind, each.below_zero) for each in others] == [
        (-5, "opening", False),
        (7, "opening", False),
    ]
    again = imported(tmp_path, content)
    assert (again.recorded, again.tally["known"], len(movements())) == (0, 4, 4)


def test_opening_balances_stay_here_and_new_points_are_sent(app, tmp_path):
    with db.write() as session:
        fill(session, customers=1, remotes=2)
    content = f"{HEADER}{ANNA},,5,spend,,,a\n{ANNA},,6,,,,b\n{ANNA},,7,expire,,,c\n"
    assert checked(tmp_path, content).sent_to == []
    words = " ".join(sentences(checked(tmp_path, content, new=True)))
    assert "will be sent to 2 sites: " in words
    assert "everybody has 3 times as many" in words
    imported(tmp_path, content)
    assert deliveries() == 0
    as_new = imported(tmp_path, content, new=True)
    assert (as_new.recorded, as_new.tally["known_otherwise"], deliveries()) == (0, 3, 0)
    assert "recorded before as opening balances" in " ".join(sentences(as_new))
    imported(tmp_path, content.replace(",a\n", ",d\n").replace(",b\n", ",e\n").replace(",c\n", ",f\n"), new=True)
    assert [each.kind for each in movements()[3:]] == ["spend", "import", "import"]
    assert deliveries() == 6


def test_three_sites_in_step_import_their_own_files_as_opening_balances(sqlite_sites, tmp_path):
    for _ in range(3):
        with sqlite_sites() as site, site.app_context():
            with db.write() as session:
                fill(session, customers=1, remotes=2)
            done = imported(tmp_path, f"email,points\n{ANNA},300\n")
            assert done.sums[0]["after"] == 300
            assert deliveries() == 0


FAULTY = {
    "no address,,5,,,,": "no e-mail address",
    f"{ANNA},,,,,,": "points are missing",
    f"{ANNA},,1.000,,,,": "write 1000 if it is thousands",
    f"{ANNA},,12.5,,,,": "no whole number",
    f"{ANNA},,1e3,,,,": "no number of points",
    f"{ANNA},,2000000001,,,,": "2,000,000,000",
    f"{ANNA},silver,5,,,,": "there is default, old",
    f"{ANNA},old,5,,,,": "not active",
    f"{ANNA},,5,,,31.12.2025,": "2026-01-31",
    f"{ANNA},,5,,,2999-01-01,": "lies ahead",
    f"{ANNA},,5,,,0001-01-01 00:00,": "before 1970",
    f"{ANNA},,5,gift,,,": "kind",
    f"{ANNA},,5,,{'x' * 501},,": "500",
    f"{ANNA},,5,,,,{'x' * 192}": "191",
    f"{ANNA},,5,,,,known": "given before",
    f"{ANNA},,{MAX_POINTS},,,,": "balance would be",
}


def test_what_is_faulty_is_named_by_line_and_nothing_is_recorded_unless_asked(app, tmp_path):
    with db.write() as session:
        reserves.add(session, "old", None, NOW, is_active=False)
    imported(tmp_path, f"{HEADER}{ANNA},,1,,,,known\n", new=True)
    content = HEADER + f"{BOB},,1,,,,b1\n" + "".join(f"{line}\n" for line in FAULTY) + f"{BOB},,2,,,,b1\n{BOB},,3,,,,\n"
    refused = imported(tmp_path, content, new=True, good_lines=False)
    assert checked(tmp_path, content, new=True).faults == refused.faults
    with (tmp_path / "faults.csv").open(newline="") as file:
        assert [line["message"] for line in csv.DictReader(file)] == [fault["message"] for fault in refused.faults]
    assert (refused.state, refused.recorded, len(movements())) == ("refused", 0, 1)
    assert [fault["line"] for fault in refused.faults] == list(range(3, len(FAULTY) + 4))
    for fault, words in zip(refused.faults, [*FAULTY.values(), "given before"], strict=True):
        assert words in fault["message"], fault
    done = imported(tmp_path, content, new=True, good_lines=True)
    assert (done.recorded, done.tally["faulty"]) == (2, len(FAULTY) + 1)
    assert [each.points for each in movements()] == [1, 1, 3]
    assert "in a file of their own" in " ".join(sentences(done))


@pytest.mark.parametrize("asked", [{"reserve": "none"}, {"reserve": "old"}])
def test_a_reserve_for_all_lines_that_cannot_be_is_refused_at_once(app, tmp_path, asked):
    with db.write() as session:
        reserves.add(session, "old", None, NOW, is_active=False)
    with pytest.raises(Refused) as refusal:
        begun(tmp_path, HEADER, **asked)
    assert "reserve" in refusal.value.fields


def test_stopped_in_the_middle_it_says_how_far_and_the_same_file_records_the_rest(app, tmp_path):
    content = "email,points\n" + "".join(f"c{n}@x.example,{n + 1}\n" for n in range(1200))
    early = imported(tmp_path, content, parts=1)
    assert (early.state, early.done, len(movements())) == ("stopped", 1000, 0)
    assert "nothing was recorded" in sentences(early)[0]
    stopped = imported(tmp_path, content, parts=4)
    assert (stopped.state, stopped.done, stopped.recorded, len(movements())) == ("stopped", 1000, 1000, 1000)
    assert "records just the rest" in sentences(stopped)[0]
    rest = imported(tmp_path, content, now=NOW + timedelta(minutes=1))
    assert (rest.state, rest.recorded, rest.tally["known"], len(movements())) == ("recorded", 200, 1000, 1200)


def test_unlocks_by_imported_lines_are_quiet(app, tmp_path):
    with db.write() as session:
        levels.add(session, reserve(session), "Silver", "", 100, NOW)
    imported(tmp_path, f"{HEADER}{ANNA},,100,earn,,,\n", new=True)
    imported(tmp_path, f"{HEADER}{BOB},,100,,,,\n")
    with db.write() as session:
        record(session, [Draft("carl@x.example", 100)], "test", NOW)
        quiet = list(session.scalars(select(Unlock.is_quiet).order_by(Unlock.movement_seq)))
    assert quiet == [True, True, False]


def test_the_own_export_is_imported_again(app, sqlite_sites, tmp_path):
    imported(tmp_path, f"{HEADER}{ANNA},,5,earn,=1+1,2026-01-01T10:00:00Z,@one\n{BOB},,6,,'quoted,,\n", new=True)
    file, balances = exported(rows.MOVEMENTS), exported(rows.CUSTOMERS)
    again = imported(tmp_path, file, new=True)
    assert (again.recorded, again.tally["known"]) == (0, 2)
    assert again.ignored == ["id", "origin", "balance", "recorded_at"]
    with sqlite_sites() as other, other.app_context():
        assert imported(tmp_path, balances).sums[0]["after"] == 11
    with sqlite_sites() as other, other.app_context():
        imported(tmp_path, file, new=True)
        found = [(each.points, each.kind, each.reason, each.ref, each.at) for each in movements()]
    assert found == [(each.points, each.kind, each.reason, each.ref, each.at) for each in movements()]
    assert [each[2] for each in found] == ["=1+1", "'quoted"]


LETTERS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60).map(str.strip).filter(is_storable)


@pytest.fixture(scope="module")
def drafts() -> Drafts:
    """Of a file given as new points, with one reserve and no database."""
    session = Mock()
    session.scalars.return_value = [Reserve(id=1, key="default", name="Points", is_active=True)]
    return Drafts(session, Choice(False, ZoneInfo("UTC")), "d", NOW)


@given(LETTERS, LETTERS)
def test_any_text_survives_export_and_import(drafts, reason, ref):
    """Of a cell, through the quotes and the marks of a file, to what would be recorded."""
    text = io.StringIO()
    csv.writer(text).writerow([csv_safety.defuse(reason), csv_safety.defuse(ref)])
    [cells] = csv.reader(io.StringIO(text.getvalue(), newline=""), strict=True)
    row = Row(2, {"customer": ANNA, "points": "5", "reason": cells[0], "ref": cells[1]})
    draft = drafts.of(row).draft
    assert (draft.reason, draft.ref) == (reason, ref or "file:d:2")
