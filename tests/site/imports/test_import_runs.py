"""Imports: the dry run predicts the import, each line counts once, and a file with errors imports nothing."""

import csv
import io
from dataclasses import asdict
from datetime import timedelta
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from pointsync import csv_safety, db
from pointsync.errors import DomainError
from pointsync.exports import rows
from pointsync.imports.drafts import DraftOptions, DraftParser
from pointsync.imports.messages import build_messages
from pointsync.imports.rows import Row
from pointsync.ledger import reserves
from pointsync.ledger.record import Draft, record
from pointsync.ledger.rewards import levels
from pointsync.models import Delivery, LevelUnlock, Movement, Reserve
from pointsync.text_limits import MAX_POINTS, is_storable
from tests.ledger.record_drafts import row_counts
from tests.site.imports.import_runs import create_import, dry_run, run_import
from tests.support.apps import get_reserve
from tests.support.bulk_rows import insert_rows
from tests.support.moving_clock import START as NOW

HEADER = "customer,reserve,points,kind,reason,at,ref\n"
ANNA, BOB = "anna@x.example", "bob@x.example"


def list_movements() -> list[Movement]:
    """List all movements in the order in which they were recorded."""
    with db.transaction() as session:
        return list(session.scalars(select(Movement).order_by(Movement.seq)))


def delivery_count() -> int:
    """Count the deliveries."""
    with db.transaction() as session:
        return session.scalar(select(func.count()).select_from(Delivery))


def export_csv(table_name: str) -> str:
    """Return the CSV that this site exports."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows.get_header(table_name))
    with db.transaction() as session:
        for page in rows.iter_pages(session, table_name, [], rows.get_last_key(session, table_name)):
            writer.writerows(page)
    return text.getvalue()


def test_a_dry_run_writes_nothing_and_predicts_the_import(app, tmp_path):
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW, may_go_below_zero=True)
        record(session, [Draft(ANNA, 100)], "test", NOW)
    before = row_counts()
    content = (
        f"{HEADER}{ANNA},,-150,earn,Old card,2025-12-31 18:00,r1\n{BOB},gold,-5,,,,\n carl@x.example ,default,+7,,,,\n"
        f"{BOB},,0,,,,\n{ANNA},,-150,,,,r1\n"
    )
    checked = dry_run(tmp_path, content)
    assert row_counts() == before
    assert checked.state == "checked"
    expected = {"lines": 5, "new": 3, "known": 1, "skipped": 1, "faulty": 0, "known_otherwise": 0, "repeated": 0}
    expected |= {"below_zero": 1, "customers_below_zero": 1, "new_customers": 2}
    assert asdict(checked.tally) == expected | {"points": {"default": -143, "gold": -5}}
    assert checked.sums == [
        {"reserve": "default", "before": 100, "points": -143, "after": -43},
        {"reserve": "gold", "before": 0, "points": -5, "after": -5},
    ]
    done = run_import(tmp_path, content)
    assert (done.state, done.recorded, done.tally) == ("recorded", 3, checked.tally)
    first, *others = list_movements()[1:]
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
    again = run_import(tmp_path, content)
    assert (again.recorded, again.tally.known, len(list_movements())) == (0, 4, 4)


def test_opening_balances_stay_here_and_new_points_are_sent(app, tmp_path):
    with db.transaction() as session:
        insert_rows(session, customers=1, remotes=2)
    content = f"{HEADER}{ANNA},,5,spend,,,a\n{ANNA},,6,,,,b\n{ANNA},,7,expire,,,c\n"
    assert dry_run(tmp_path, content).sent_to == []
    messages = " ".join(build_messages(dry_run(tmp_path, content, new=True)))
    assert "will be sent to 2 sites: " in messages
    assert "everybody has 3 times as many" in messages
    run_import(tmp_path, content)
    assert delivery_count() == 0
    second = run_import(tmp_path, content, new=True)
    assert (second.recorded, second.tally.known_otherwise, delivery_count()) == (0, 3, 0)
    assert "recorded before as opening balances" in " ".join(build_messages(second))
    run_import(tmp_path, content.replace(",a\n", ",d\n").replace(",b\n", ",e\n").replace(",c\n", ",f\n"), new=True)
    assert [each.kind for each in list_movements()[3:]] == ["spend", "import", "import"]
    assert delivery_count() == 6


def test_three_sites_in_step_import_their_own_files_as_opening_balances(sqlite_sites, tmp_path):
    for _ in range(3):
        with sqlite_sites() as site, site.app_context():
            with db.transaction() as session:
                insert_rows(session, customers=1, remotes=2)
            done = run_import(tmp_path, f"email,points\n{ANNA},300\n")
            assert done.sums[0]["after"] == 300
            assert delivery_count() == 0


FAULTY = {
    "no address,,5,,,,": "is not a valid e-mail address",
    f"{ANNA},,,,,,": "points are missing",
    f"{ANNA},,1.000,,,,": "Write 1000 if you mean thousands",
    f"{ANNA},,12.5,,,,": "not a whole number",
    f"{ANNA},,five,,,,": "not a number",
    f"{ANNA},,2000000001,,,,": "2,000,000,000",
    f"{ANNA},silver,5,,,,": "The reserves are default, old",
    f"{ANNA},old,5,,,,": "not active",
    f"{ANNA},,5,,,31.12.2025,": "2026-01-31",
    f"{ANNA},,5,,,2999-01-01,": "is in the future",
    f"{ANNA},,5,,,0001-01-01 00:00,": "before 1970",
    f"{ANNA},,5,gift,,,": "kind",
    f"{ANNA},,5,,{'x' * 501},,": "500",
    f"{ANNA},,5,,,,{'x' * 192}": "191",
    f"{ANNA},,5,,,,known": "used before for something else",
    f"{ANNA},,{MAX_POINTS},,,,": "balance would be",
}


def test_faulty_lines_are_listed_and_only_an_explicit_choice_imports_the_others(app, tmp_path):
    with db.transaction() as session:
        reserves.create(session, "old", None, NOW, is_active=False)
    run_import(tmp_path, f"{HEADER}{ANNA},,1,,,,known\n", new=True)
    content = HEADER + f"{BOB},,1,,,,b1\n" + "".join(f"{line}\n" for line in FAULTY) + f"{BOB},,2,,,,b1\n{BOB},,3,,,,\n"
    refused = run_import(tmp_path, content, new=True, good_lines=False)
    assert dry_run(tmp_path, content, new=True).faults == refused.faults
    with (tmp_path / "faults.csv").open(newline="") as file:
        assert [line["message"] for line in csv.DictReader(file)] == [fault["message"] for fault in refused.faults]
    assert (refused.state, refused.recorded, len(list_movements())) == ("refused", 0, 1)
    assert [fault["line"] for fault in refused.faults] == list(range(3, len(FAULTY) + 4))
    for fault, text in zip(refused.faults, [*FAULTY.values(), "used before for something else"], strict=True):
        assert text in fault["message"], fault
    done = run_import(tmp_path, content, new=True, good_lines=True)
    assert (done.recorded, done.tally.faulty) == (2, len(FAULTY) + 1)
    assert [each.points for each in list_movements()] == [1, 1, 3]
    assert "in a file of their own" in " ".join(build_messages(done))


@pytest.mark.parametrize("options", [{"reserve": "none"}, {"reserve": "old"}])
def test_an_unusable_default_reserve_is_refused_at_once(app, tmp_path, options):
    with db.transaction() as session:
        reserves.create(session, "old", None, NOW, is_active=False)
    with pytest.raises(DomainError) as refusal:
        create_import(tmp_path, HEADER, **options)
    assert "reserve" in refusal.value.fields


def test_a_stopped_import_reports_its_progress_and_the_same_file_imports_the_rest(app, tmp_path):
    content = "email,points\n" + "".join(f"c{n}@x.example,{n + 1}\n" for n in range(1200))
    early = run_import(tmp_path, content, parts=1)
    assert (early.state, early.done, len(list_movements())) == ("stopped", 1000, 0)
    assert "Nothing was recorded" in build_messages(early)[0]
    stopped = run_import(tmp_path, content, parts=4)
    assert (stopped.state, stopped.done, stopped.recorded, len(list_movements())) == ("stopped", 1000, 1000, 1000)
    assert "to record the rest" in build_messages(stopped)[0]
    rest = run_import(tmp_path, content, now=NOW + timedelta(minutes=1))
    assert (rest.state, rest.recorded, rest.tally.known, len(list_movements())) == ("recorded", 200, 1000, 1200)


def test_levels_reached_by_imported_lines_send_no_mail(app, tmp_path):
    with db.transaction() as session:
        levels.create(session, get_reserve(session), "Silver", "", 100, NOW)
    run_import(tmp_path, f"{HEADER}{ANNA},,100,earn,,,\n", new=True)
    run_import(tmp_path, f"{HEADER}{BOB},,100,,,,\n")
    with db.transaction() as session:
        record(session, [Draft("carl@x.example", 100)], "test", NOW)
        quiet = list(session.scalars(select(LevelUnlock.is_quiet).order_by(LevelUnlock.movement_seq)))
    assert quiet == [True, True, False]


def test_an_export_of_this_site_can_be_imported_again(app, sqlite_sites, tmp_path):
    run_import(tmp_path, f"{HEADER}{ANNA},,5,earn,=1+1,2026-01-01T10:00:00Z,@one\n{BOB},,6,,'quoted,,\n", new=True)
    file, balances = export_csv(rows.MOVEMENTS), export_csv(rows.CUSTOMERS)
    again = run_import(tmp_path, file, new=True)
    assert (again.recorded, again.tally.known) == (0, 2)
    assert again.ignored == ["balance", "recorded_at"]
    with sqlite_sites() as other, other.app_context():
        assert run_import(tmp_path, balances).sums[0]["after"] == 11
    with sqlite_sites() as other, other.app_context():
        run_import(tmp_path, file, new=True)
        assert run_import(tmp_path, file.replace(",@one", ""), new=True).tally.known == 2, "by origin and id"
        imported = [(each.points, each.kind, each.reason, each.at) for each in list_movements()]
    assert imported == [(each.points, each.kind, each.reason, each.at) for each in list_movements()]
    assert [each[2] for each in imported] == ["=1+1", "'quoted"]


def test_exported_movements_are_known_by_origin_and_id(app, tmp_path):
    """Not by their refs: two sources may have used the same one, and many movements have none."""
    with db.transaction() as session:
        record(session, [Draft(ANNA, 5, ref="1"), Draft(ANNA, 7)], "api:webshop", NOW)
        record(session, [Draft(BOB, 9, ref="1")], "api:till", NOW)
        record(session, [Draft(BOB, 20, kind="opening")], "test", NOW)
    file = export_csv(rows.MOVEMENTS)
    for options in ({"new": True}, {}):
        again = run_import(tmp_path, file, **options)
        assert (again.state, again.recorded, again.tally.known, again.tally.faulty) == ("recorded", 0, 4, 0)
    header, *lines = file.splitlines()
    turned = "\n".join([header, *reversed(lines[1:])])
    assert run_import(tmp_path, turned, new=True).tally.known == 3, "in another file, in another order"
    edited = dry_run(tmp_path, file.replace(",7,earn", ",8,earn"), new=True)
    assert [fault["line"] for fault in edited.faults] == [3]
    assert "+7 points" in edited.faults[0]["message"]
    by_hand = f"{file}{BOB},default,3,,by hand,,,,,,\n"
    assert (run_import(tmp_path, by_hand, new=True).recorded, len(list_movements())) == (1, 5)


TWICE = f"email,points\n{ANNA},10\n{BOB},5\nAnna@X.example,20\n{ANNA},30\n"


@pytest.mark.parametrize(("choice", "points", "left_out"), [("add", 60, 0), ("first", 10, 2), ("last", 30, 2)], ids=str)
def test_a_customer_who_is_twice_in_a_list_needs_a_choice(app, tmp_path, choice, points, left_out):
    refused = run_import(tmp_path, TWICE)
    assert (refused.state, refused.tally.new, [fault["line"] for fault in refused.faults]) == ("refused", 2, [4, 5])
    assert f"{ANNA} is in line 2 already. Choose what counts" in refused.faults[0]["message"]
    checked = dry_run(tmp_path, TWICE, same_customer=choice)
    assert (checked.tally.faulty, checked.tally.repeated, checked.sums[0]["after"]) == (0, left_out, points + 5)
    done = run_import(tmp_path, TWICE, same_customer=choice)
    assert (done.recorded, done.tally) == (4 - left_out, checked.tally)
    assert sum(each.points for each in list_movements()) == points + 5
    assert f"{left_out} left out" in " ".join(build_messages(done)) or not left_out
    again = run_import(tmp_path, TWICE, same_customer=choice)
    assert (again.recorded, again.tally.known) == (0, 4 - left_out)


@pytest.mark.parametrize(
    "content",
    [
        f"customer,points,ref\n{ANNA},1,a\n{ANNA},2,b\n",
        f"customer,points,reason\n{ANNA},1,a\n{ANNA},2,b\n",
        f"customer,points,at\n{ANNA},1,2026-01-01\n{ANNA},2,2026-01-02\n",
        f"customer,points,reserve\n{ANNA},1,default\n{ANNA},2,gold\n",
    ],
)
def test_lines_that_say_more_than_a_balance_all_count(app, tmp_path, content):
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
    assert run_import(tmp_path, content).recorded == 2


LETTERS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60).map(str.strip).filter(is_storable)


@pytest.fixture(scope="module")
def parser() -> DraftParser:
    """A parser for new points, with one reserve and no database."""
    session = Mock()
    session.scalars.return_value = [Reserve(id=1, key="default", name="Points", is_active=True)]
    return DraftParser(session, DraftOptions(False, ZoneInfo("UTC")), "d", NOW)


@given(LETTERS, LETTERS)
def test_any_text_survives_export_and_import(parser, reason, ref):
    """From a cell, through CSV quoting and formula escaping, to the draft of a movement."""
    text = io.StringIO()
    csv.writer(text).writerow([csv_safety.escape_formula(reason), csv_safety.escape_formula(ref)])
    [cells] = csv.reader(io.StringIO(text.getvalue(), newline=""), strict=True)
    row = Row(2, {"customer": ANNA, "points": "5", "reason": cells[0], "ref": cells[1]})
    draft = parser.parse(row).draft
    assert (draft.reason, draft.ref) == (reason, ref or "file:d:2")
