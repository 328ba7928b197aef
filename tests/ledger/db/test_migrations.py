"""The migrations create exactly the tables of the models, once, even if processes start at the same time."""

import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import alembic.command
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import bindparam, inspect, select, text

from pointsync import db
from pointsync.errors import ConfigError
from pointsync.ledger.integrity.verify import find_hourly_total_differences
from pointsync.ledger.orders import shops
from pointsync.ledger.orders.rule import OrderRule
from pointsync.ledger.people.erasure import erasures
from pointsync.ledger.record import Draft, record
from pointsync.models import (
    Admin,
    ApiKey,
    Customer,
    Erasure,
    Hook,
    HookDelivery,
    HourlyTotal,
    Movement,
    Reserve,
    ShopAddress,
    SignIn,
    Site,
)
from tests.support.apps import create_application, create_site, open_context
from tests.support.moving_clock import START
from tests.support.paths import CHECKOUT

PATIENCE_SECONDS = 60
FIRST_TABLES = "da1ae12bb3e8"
FLOWS_BY_RECORDING = "7c2f64b0a9d1"
SCOPES = "5c09e5a91ca7"
SIGN_INS_SEEN = "d15ab1ed5ee0"
SHOP_ORDERS = "b7d2f0c4a918"
ERASURES = "c4e81f0a7d35"
LATE_DELAY = timedelta(days=31)


@pytest.fixture
def app(database_url: str, tmp_path: Path):
    """An application on an empty database."""
    with open_context(create_application(database_url, tmp_path)) as app:
        if file := db.get_database_file():
            file.create()
        yield app


def schema_differences() -> list:
    """The differences between the database and the models, as Alembic finds them."""
    with db.get_engine().connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, db.Base.metadata)


def constraints() -> dict[str, list[tuple]]:
    """By table, what autogenerate does not compare on every database: keys, unique and partial indexes."""
    inspector = inspect(db.get_engine())
    return {
        name: [
            tuple(inspector.get_pk_constraint(name)["constrained_columns"]),
            *sorted(tuple(each["column_names"]) for each in inspector.get_unique_constraints(name)),
            *sorted(
                (each["name"], tuple(each["column_names"]), bool(each["unique"]), _partial_condition(each))
                for each in inspector.get_indexes(name)
            ),
            *sorted(
                (tuple(each["constrained_columns"]), each["referred_table"])
                for each in inspector.get_foreign_keys(name)
            ),
        ]
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }


def _partial_condition(index) -> str:
    found = [str(value) for name, value in index.get("dialect_options", {}).items() if name.endswith("_where")]
    return "".join(found)


def test_the_version_is_the_last_migration():
    assert ScriptDirectory(str(db.MIGRATIONS)).get_current_head() == db.SCHEMA_VERSION


def test_an_upgrade_creates_the_tables_of_the_models(app, tmp_path):
    assert not db.is_current()
    db.upgrade()
    assert db.is_current()
    assert schema_differences() == []
    migrated = constraints()
    assert set(migrated) == set(db.Base.metadata.tables)
    db.Base.metadata.drop_all(db.get_engine())
    assert schema_differences() != []
    db.Base.metadata.create_all(db.get_engine())
    assert constraints() == migrated
    assert "'pending'" in {index[0]: index[-1] for index in migrated["delivery"]}["ix_delivery_pending"]


def test_control_a_differing_table_is_detected(app):
    db.upgrade()
    with db.transaction() as session:
        session.execute(text("ALTER TABLE site ADD COLUMN extra INTEGER"))
        session.execute(text("DROP INDEX uq_remote_target"))
    assert len(schema_differences()) == 2


def movement(seq: int, points: int, minutes: float, **more) -> dict:
    """A movement of the first version that happened this long after the start, and was recorded in the next month."""
    at = START + timedelta(minutes=minutes)
    fixed = {"id": str(seq), "customer_id": 1, "reserve_id": 1, "origin": "wrk_here", "kind": "manual", "balance": 0}
    rest = {"reason": "", "at": at, "recorded_at": at + LATE_DELAY, "below_zero": False, "is_history": False}
    return fixed | rest | {"seq": seq, "points": points} | more


def test_movements_older_than_hourly_totals_are_counted(app):
    alembic.command.upgrade(db.init_migrations(app).get_config(), FIRST_TABLES)
    hour = timedelta(hours=1)
    with db.transaction() as session:
        connection = session.connection()
        reserve = {"name": "Points", "is_active": True, "may_go_below_zero": False, "created_at": START}
        connection.execute(Reserve.__table__.insert(), [reserve | {"id": id, "key": f"r{id}"} for id in (1, 2)])
        connection.execute(Customer.__table__.insert(), {"id": 1, "email": "anna@shop.example", "created_at": START})
        rows = [
            movement(1, 10, 0),
            movement(2, -3, 59.999, kind="expire"),
            movement(3, 0, 30),
            movement(4, 5, 30, reserve_id=2),
            movement(5, 3_000_000_000, 60),
            movement(6, 3_000_000_000, -0.001),
            movement(7, 8, 30, origin="wrk_there"),
            movement(8, -9, 24 * 60, origin="wrk_there"),
        ]
        connection.execute(Movement.__table__.insert(), rows)
    alembic.command.upgrade(db.init_migrations(app).get_config(), FLOWS_BY_RECORDING)
    with db.transaction() as session:
        assert session.scalars(select(HourlyTotal.hour).order_by(HourlyTotal.hour)).first() == START - hour + LATE_DELAY
    db.upgrade()
    with db.transaction() as session:
        assert find_hourly_total_differences(session) == []
        assert [
            tuple(row)
            for row in session.execute(select(HourlyTotal.__table__).order_by("hour", "origin", "reserve_id", "kind"))
        ] == [
            (START - hour, "wrk_here", 1, "manual", 1, 3_000_000_000, 0),
            (START, "wrk_here", 1, "expire", 1, 0, 3),
            (START, "wrk_here", 1, "manual", 1, 10, 0),
            (START, "wrk_here", 2, "manual", 1, 5, 0),
            (START, "wrk_there", 1, "manual", 1, 8, 0),
            (START + hour, "wrk_here", 1, "manual", 1, 3_000_000_000, 0),
            (START + 24 * hour, "wrk_there", 1, "manual", 1, 0, 9),
        ]
    alembic.command.downgrade(db.init_migrations(app).get_config(), FLOWS_BY_RECORDING)
    with db.transaction() as session:
        assert session.scalars(select(HourlyTotal.hour).order_by(HourlyTotal.hour)).first() == START - hour + LATE_DELAY


def test_existing_sign_ins_stay_valid(app):
    config = db.init_migrations(app).get_config()
    alembic.command.upgrade(config, f"{SIGN_INS_SEEN}-1")
    with db.get_engine().begin() as connection:
        admin = "INSERT INTO admin (id, name, password_hash, created_at) VALUES (1, 'Ada', 'x', :at)"
        sign_in = "INSERT INTO sign_in (id, admin_id, digest, began_at) VALUES (1, 1, 'd', :at)"
        for statement in (admin, sign_in):
            connection.execute(text(statement).bindparams(bindparam("at", START, Admin.created_at.type)))
    db.upgrade()
    with db.transaction() as session:
        row = session.scalars(select(SignIn)).one()
        assert (row.began_at, row.seen_at, row.address, row.browser, row.how) == (START, START, "", "", "password")
        assert row.admin.disabled_at is None


def test_older_api_keys_keep_their_rights(app):
    config = db.init_migrations(app).get_config()
    alembic.command.upgrade(config, f"{SCOPES}-1")
    with db.get_engine().begin() as connection:
        key = "INSERT INTO api_key (id, name, digest, created_at) VALUES (1, 'shop', 'd', :at)"
        connection.execute(text(key).bindparams(bindparam("at", START, Admin.created_at.type)))
    db.upgrade()
    with db.transaction() as session:
        row = session.scalars(select(ApiKey)).one()
        assert (row.name, row.scopes, row.expires_at, row.per_minute) == ("shop", "record read admin", None, None)
        assert (row.shop, row.ref_source) == ("shop", "api:shop"), "so retries are still recognised"


def test_older_hooks_keep_counting_the_total(app):
    config = db.init_migrations(app).get_config()
    alembic.command.upgrade(config, f"{SHOP_ORDERS}-1")
    columns = "id, token, name, sealed_secret, reserve_id, rule, rate, status, shop, created_at"
    hooks = [
        ("one", "orders", "0.5", "processing", "http://Shop.example/", 0),
        ("two", "orders", "1", "completed", "https://shop.example", 1),
        ("three", "movements", "1", "completed", "https://other.example:443/fr/", 2),
        ("four", "orders", "2.25", "completed", None, 3),
    ]
    with db.get_engine().begin() as connection:
        connection.execute(
            Reserve.__table__.insert(),
            {"id": 1, "key": "a", "name": "A", "is_active": True, "may_go_below_zero": False, "created_at": START},
        )
        for number, (name, rule, rate, status, shop, minute) in enumerate(hooks, 1):
            statement = (
                f"INSERT INTO hook ({columns}) VALUES (:id, :name, :name, 'x', 1, :rule, :rate, :status, :shop, :at)"
            )
            values = {"id": number, "name": name, "rule": rule, "rate": Decimal(rate), "status": status, "shop": shop}
            at = bindparam("at", START + timedelta(minutes=minute), Admin.created_at.type)
            typed = bindparam("rate", Decimal(rate), Hook.rate.type)
            del values["rate"]
            connection.execute(text(statement).bindparams(at, typed), values)
        delivery = {"hook_id": 1, "received_at": START, "topic": "order.created", "outcome": "recorded", "message": ""}
        connection.execute(HookDelivery.__table__.insert(), delivery)
    db.upgrade()
    with db.transaction() as session:
        rows = session.scalars(select(Hook).order_by(Hook.id)).all()
        assert [each.shop_id for each in rows] == [1, 1, 2, None]
        assert [bool(each.order_rule) for each in rows] == [True, True, False, True]
        assert [each.early_rule for each in rows] == [each.order_rule for each in rows]
        one, two, _, four = (OrderRule.from_text(each.order_rule) for each in rows)
        assert (one.base, one.statuses, one.rates) == ("total", ("processing", "completed"), {"": Fraction(1, 2)})
        assert (two.base, two.statuses, two.rates) == ("total", ("completed",), {"": Fraction(1)})
        assert four.rates == {"": Fraction(9, 4)}
        assert [each.counts_from for each in (one, two, four)] == [START, START, START + timedelta(minutes=3)]
        assert session.scalars(select(ShopAddress.address).order_by(ShopAddress.shop_id)).all() == [
            "shop.example",
            "other.example/fr",
        ]
        shop = shops.create(session, "third.example", START)
        assert shop.id == 3
        assert shops.create(session, "shop.example", START).id == 1, "its code is that of its address"
    alembic.command.downgrade(config, f"{SHOP_ORDERS}-1")
    db.upgrade()


def test_erasures_are_not_forgotten_by_a_downgrade(app):
    db.upgrade()
    create_site()
    with db.transaction() as session:
        record(session, [Draft("ann@x.example", 5)], "api:shop", START)
        erasures.erase(session, "ann@x.example", "ada", START)
    with pytest.raises(ConfigError, match="People were erased"):
        alembic.command.downgrade(db.init_migrations(app).get_config(), f"{ERASURES}-1")
    db.upgrade()
    with db.transaction() as session:
        assert session.scalars(select(Erasure.requested_by)).one() == "ada"


def test_downgrading_to_the_first_tables_and_upgrading_again(app):
    db.upgrade()
    old_constraints = constraints()
    alembic.command.downgrade(db.init_migrations(app).get_config(), FIRST_TABLES)
    expiry_and_rewards = {"expiry", "flow", "level", "redemption", "reward", "unlock"}
    mails = {"mail", "mail_server", "mail_text"}
    blocked_origins = {"turned_away", "reversal", "reversed_movement"}
    comparison = {"movement_change", "altered_movement", "lost_delivery", "comparison", "difference"}
    fetching_back = {"hand_on", "hand_on_permission", "remote_fetch", "returned_movement"}
    orders = {"shop", "shop_address", "shop_order", "shop_order_points", "order_rule", "kept_delivery", "shop_account"}
    reading = {"shop_key", "shop_key_request", "last_alive", "outage"}
    others = (
        {"work", "audit", "bucket", "key_use", "hold", "webhook", "customer_change", "change_delivery", "customer_pair"}
        | {"erasure", "erasure_key", "erasure_receipt", "erased_address", "backup_file", "audit_permit"}
        | {"connected_shop", "shop_state"}
        | comparison
        | fetching_back
        | orders
        | reading
    )
    assert set(old_constraints) - set(constraints()) == expiry_and_rewards | mails | blocked_origins | others
    db.upgrade()
    assert constraints() == old_constraints


def test_addresses_are_in_the_order_of_their_code_points(app):
    db.upgrade()
    with db.transaction() as session:
        if session.get_bind().dialect.name == "postgresql":
            named = "SELECT collation_name FROM information_schema.columns WHERE column_name = 'email'"
            assert session.scalar(text(named)) == "C"
        typed = ["a-b@x.example", "a.b@x.example", "a1@x.example", "aa@x.example", "a_b@x.example", "ä@x.example"]
        session.add_all(Customer(email=email, created_at=START) for email in typed)
        session.flush()
        assert session.scalars(select(Customer.email).order_by(Customer.email)).all() == sorted(typed)


def test_an_upgrade_again_changes_nothing(app):
    db.upgrade()
    create_site()
    with db.transaction() as session:
        auth = session.get_one(Site, 1).auth
    db.upgrade()
    with db.transaction() as session:
        assert session.get_one(Site, 1).auth == auth


def test_a_database_of_a_newer_version_is_left_alone(app):
    db.upgrade()
    with db.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'of_the_future'"))
    assert not db.is_current()
    with pytest.raises(ConfigError, match="newer PointSync"):
        db.upgrade()
    with db.transaction() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == "of_the_future"


START_SCRIPT = """
import sys
from pathlib import Path
from pointsync import config, create_app, db
settings = {"POINTSYNC_DATA": sys.argv[1], "POINTSYNC_DATABASE_URL": sys.argv[2]}
app = create_app(config.load(settings, root=Path(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
with app.app_context():
    db.upgrade()
    with db.get_engine().connect() as connection:
        print(connection.exec_driver_sql("SELECT count(*) FROM alembic_version").scalar())
"""


def test_processes_that_start_together_upgrade_once(database_url, tmp_path):
    command = [sys.executable, "-c", START_SCRIPT, str(tmp_path), database_url]
    processes = [
        subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=PATIENCE_SECONDS)[0] for process in processes]
    assert (outputs, [process.returncode for process in processes]) == (["1\n"] * 2, [0] * 2)
    with open_context(create_application(database_url, tmp_path)):
        assert db.is_current()
        assert schema_differences() == []
