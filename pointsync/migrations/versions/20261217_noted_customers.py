"""Triggers note the movements of a customer whose address was edited, or whose row was deleted"""

from alembic import op

revision = "a90c3d57e1b4"
down_revision = "5e8b40d1c7fa"
branch_labels = None
depends_on = None

NOTE = (
    "INSERT INTO movement_change (movement_seq, origin, movement_id, reserve_id, points, digest) "
    "SELECT seq, origin, id, reserve_id, points, digest FROM movement "
    "WHERE customer_id = OLD.id AND digest IS NOT NULL"
)
CHANGED = "(OLD.email <> NEW.email OR OLD.id <> NEW.id)"
TRIGGERS = {
    "sqlite": (
        f"CREATE TRIGGER customer_updated AFTER UPDATE OF id, email ON customer WHEN {CHANGED} BEGIN {NOTE}; END",
        f"CREATE TRIGGER customer_deleted AFTER DELETE ON customer BEGIN {NOTE}; END",
    ),
    "postgresql": (
        "CREATE FUNCTION note_customer_change() RETURNS trigger LANGUAGE plpgsql AS $note$ BEGIN "
        f"{NOTE}; RETURN NULL; END $note$",
        "CREATE TRIGGER customer_updated AFTER UPDATE OF id, email ON customer "
        f"FOR EACH ROW WHEN {CHANGED} EXECUTE FUNCTION note_customer_change()",
        "CREATE TRIGGER customer_deleted AFTER DELETE ON customer FOR EACH ROW EXECUTE FUNCTION note_customer_change()",
    ),
}


def upgrade() -> None:
    for statement in TRIGGERS[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name in ("customer_updated", "customer_deleted"):
        op.execute(f"DROP TRIGGER {name}" + ("" if is_sqlite else " ON customer"))
    if not is_sqlite:
        op.execute("DROP FUNCTION note_customer_change()")
