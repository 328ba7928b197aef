"""Customers with several addresses in imports, exports, and messages to webhooks."""

from pointsync import db
from pointsync.exports import export_task, rows
from pointsync.exports.export_task import Filter
from pointsync.ledger import customers
from tests.ledger.customers.people_steps import BOB, CAROL, balance_of, give, merge, rename, unmerge
from tests.ledger.record_drafts import ANNA
from tests.site.imports.import_runs import dry_run, run_import
from tests.site.webhooks.receiver import start_receiver


def test_an_import_counts_for_the_customer(app, tmp_path):
    give(5)
    give(7, BOB)
    merge(ANNA, BOB)
    content = f"customer,points,ref\n{ANNA},10,one\n{BOB},-20,two\n{CAROL},1,three\n"
    report = dry_run(tmp_path, content, new=True)
    assert (report.tally.new, report.tally.new_customers, report.tally.customers_below_zero) == (3, 1, 0)
    run_import(tmp_path, content, new=True)
    assert balance_of(BOB) == 2
    again = content.replace(f"{ANNA},10", f"{BOB},10")
    assert dry_run(tmp_path, again, new=True).tally.known == 3
    assert run_import(tmp_path, again, new=True).recorded == 0


def test_exports_name_the_customer_as_shown(app):
    give(5)
    rename(ANNA, BOB)
    give(7)
    with db.transaction() as session:
        alias_id = customers.find_locked(session, [ANNA])[ANNA].address_id
        filters = export_task.filter_movements(session, alias_id)
        conditions = export_task._build_conditions(session, filters)
        pages = list(rows.iter_pages(session, "movements", conditions, 9))
        assert [row[0] for page in pages for row in page] == [BOB, BOB]
        found = export_task._build_conditions(session, Filter("customers", search="ann"))
        assert list(rows.iter_pages(session, "customers", found, 9)) == [[[BOB, "default", 12]]]


def test_a_webhook_gets_the_balance_of_the_customer(app, serve):
    give(5)
    receiver = start_receiver(serve)
    give(5)
    give(7, BOB)
    merge(ANNA, BOB)
    receiver.deliver()
    [change] = receiver.messages[-1]["data"]["changes"]
    assert (change["customer"], change["balance"]) == (BOB, 17)
    give(1)
    unmerge(ANNA)
    receiver.deliver()
    assert receiver.messages[-1]["data"]["changes"] == [{"customer": ANNA, "reserve": "default", "balance": 11}]
