"""The list of audited models is complete, and no bulk statement changes audited rows without a log entry."""

import ast
from collections.abc import Iterable, Iterator

import pytest

from pointsync.db import Base
from pointsync.ledger.audit_specs import AUDITED_MODELS, UNAUDITED_MODELS
from tests.support.paths import PACKAGE
from tests.support.source import list_nodes

NAMES = {model.__name__ for model in AUDITED_MODELS}
ANY = "model"
"""The name of variables for any model."""
BULK_STATEMENTS = {"update", "delete", "insert", "insert_or_ignore"}

ALLOWED = {
    ("ledger/outbox.py", "update", "Site"): "allocates ids, and keeps them above those that others have",
    ("ledger/outbox.py", "insert", "Delivery"): "created with a movement",
    ("ledger/fetch_back/state.py", "update", "Delivery"): "what WooRewards shops may have received before a restore",
    ("ledger/fetch_back/insert_returned.py", "insert", "Delivery"): "created with a movement that came back",
    ("ledger/integrity/lost_deliveries.py", "insert_or_ignore", "Delivery"): "restored as they were",
    ("sync/remotes/backfill.py", "insert", "Delivery"): "part of a backfill, which is logged",
    ("sync/site/installation.py", "update", "Delivery"): "a copy sends nothing; the site's new Auth is logged",
    (
        "sync/site/installation.py",
        "update",
        "Remote",
    ): "times; the reason and the admin's decision are logged",
    ("sync/site/runs.py", "update", "Site"): "counts a call",
    ("sync/delivery/outcome.py", "update", "Delivery"): "the outcome of a call",
    ("sync/delivery/claim.py", "update", "Delivery"): "claimed",
    ("sync/remotes/remotes.py", "update", "Delivery"): "changes with its remote, which is logged",
    ("sync/repair/resend.py", "update", "Delivery"): "sent again; the admin's request is logged",
    ("sync/remotes/unchanged.py", "update", "Remote"): "when it was compared",
    ("sync/site/passes.py", "update", "Origin"): "who uses which Pass; the change of the Pass is logged",
    ("tasks/tasks.py", "delete", "Task"): "deletes old tasks",
    (
        "ledger/people/erasure/erased_rows.py",
        "update",
        "model",
    ): "holds and mails of an erased person; the erasure is logged",
    ("ops/key_rotation.py", "update", "model"): "the same secrets, encrypted with another key; this is logged",
    ("db/upsert.py", "insert", "model"): "its callers are found by its name",
}
"""Allowed statements: they change no decision of an admin, or the log has another entry for them."""


def statements(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    """The bulk statements of a module: (statement, model)."""
    for node in nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in BULK_STATEMENTS:
            continue
        for argument in node.args[:2]:
            named = argument.value if isinstance(argument, ast.Attribute) else argument
            if isinstance(named, ast.Name) and named.id in NAMES | {ANY}:
                yield node.func.id, named.id


def test_each_model_is_audited_or_left_out_for_a_reason():
    models = {mapper.class_ for mapper in Base.registry.mappers}
    assert set(AUDITED_MODELS) | set(UNAUDITED_MODELS) == models
    assert not set(AUDITED_MODELS) & set(UNAUDITED_MODELS)
    assert all(UNAUDITED_MODELS.values())


@pytest.mark.parametrize("model", sorted(AUDITED_MODELS, key=lambda each: each.__name__))
def test_each_column_of_an_audited_model_is_a_value_a_secret_or_state(model):
    spec = AUDITED_MODELS[model]
    groups = [spec.columns, spec.secret_columns, spec.ignored_columns]
    columns = {attribute.key for attribute in model.__mapper__.column_attrs}
    assert sorted(name for group in groups for name in group) == sorted(columns)
    assert spec.name_column in columns
    telling = ("sealed", "digest", "hash", "secret", "token")
    assert [name for name in spec.columns if any(word in name for word in telling)] == []


def test_nothing_audited_is_changed_by_one_statement_for_many_rows():
    found = {
        (str(path.relative_to(PACKAGE)), how, model)
        for path in PACKAGE.rglob("*.py")
        if "migrations" not in path.parts
        for how, model in statements(list_nodes(path))
    }
    origins = {each for each in found if each[1:] == ("insert_or_ignore", "Origin")}
    assert found - origins == set(ALLOWED)


def test_control_a_statement_for_many_rows_is_found():
    assert list(statements(ast.walk(ast.parse("session.execute(update(Remote).values(deleted_at=now))")))) == [
        ("update", "Remote")
    ]
    assert list(statements(ast.walk(ast.parse("session.execute(update(model).values(a=b))")))) == [("update", "model")]
    assert list(statements(ast.walk(ast.parse("insert_or_ignore(session, Reserve, rows)")))) == [
        ("insert_or_ignore", "Reserve")
    ]
    assert list(statements(ast.walk(ast.parse("c.execute(insert(Admin.__table__), rows)")))) == [("insert", "Admin")]
