"""The audit log's table of models is complete, and no statement changes audited rows behind the listener's back."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pointsync
from pointsync.db import Base
from pointsync.ledger.audit_recorder import AUDITED_MODELS, UNAUDITED_MODELS

PACKAGE = Path(pointsync.__file__).parent
NAMES = {model.__name__ for model in AUDITED_MODELS}
ANY = "model"
"""What code calls a model that is only known as it runs."""
BULK_STATEMENTS = {"update", "delete", "insert", "insert_or_ignore"}

ALLOWED = {
    ("ledger/outbox.py", "update", "Site"): "counts ids",
    ("ledger/outbox.py", "insert", "Delivery"): "owed with a movement",
    ("sync/remotes/backfill.py", "insert", "Delivery"): "owed by a history, which is noted",
    ("sync/site/local_site.py", "update", "Delivery"): "a copy owes nothing; the site's new Auth is noted",
    ("sync/site/local_site.py", "update", "Remote"): "when lines are tried again; what the site is said to be is noted",
    ("sync/delivery/outcome.py", "update", "Delivery"): "what a call came to",
    ("sync/delivery/claim.py", "update", "Delivery"): "claimed",
    ("sync/remotes/remotes.py", "update", "Delivery"): "follows its remote, which is noted",
    ("sync/remotes/restore_detection.py", "update", "Delivery"): "owed again to a remote that was restored",
    ("sync/site/passes.py", "update", "Origin"): "who uses which Pass; its change is noted with the site",
    ("tasks/tasks.py", "delete", "Task"): "old ones are swept away",
    ("ops/key_rotation.py", "update", "model"): "the same secrets, encrypted with another key; that is noted",
    ("db/upsert.py", "insert", "model"): "those who call it are found by its name",
}
"""Statements on audited tables that change nothing an admin has decided, or what is noted with something else."""


def statements(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What is done at once, and the model it is done to."""
    for node in ast.walk(tree):
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
    noted = AUDITED_MODELS[model]
    groups = [noted.columns, noted.secret_columns, noted.ignored_columns]
    columns = {attribute.key for attribute in model.__mapper__.column_attrs}
    assert sorted(name for group in groups for name in group) == sorted(columns)
    assert noted.name_column in columns
    telling = ("sealed", "digest", "hash", "secret", "token")
    assert [name for name in noted.columns if any(word in name for word in telling)] == []


def test_nothing_audited_is_changed_by_one_statement_for_many_rows():
    found = {
        (str(path.relative_to(PACKAGE)), how, model)
        for path in PACKAGE.rglob("*.py")
        if "migrations" not in path.parts
        for how, model in statements(ast.parse(path.read_text()))
    }
    origins = {each for each in found if each[1:] == ("insert_or_ignore", "Origin")}
    assert found - origins == set(ALLOWED)


def test_control_a_statement_for_many_rows_is_found():
    assert list(statements(ast.parse("session.execute(update(Remote).values(deleted_at=now))"))) == [
        ("update", "Remote")
    ]
    assert list(statements(ast.parse("session.execute(update(model).values(a=b))"))) == [("update", "model")]
    assert list(statements(ast.parse("insert_or_ignore(session, Reserve, rows)"))) == [("insert_or_ignore", "Reserve")]
    assert list(statements(ast.parse("c.execute(insert(Admin.__table__), rows)"))) == [("insert", "Admin")]
