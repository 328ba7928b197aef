"""Encrypted values are stored in columns with a prefix, by which a change of the key finds them."""

import ast
from collections.abc import Iterable, Iterator

from pointsync.db import Base
from pointsync.web.secret_key import ENCRYPTED_PREFIX, list_encrypted_columns
from tests.support.paths import PACKAGE
from tests.support.source import list_nodes

ELSEWHERE = {("ops/backup.py", "proof"): "in a backup's file, which keeps its key"}


def encrypted_values(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """For each encrypted value, where it is stored: a column, a keyword, or else the statement."""
    for node in nodes:
        if isinstance(node, ast.keyword) and _is_encrypt_call(node.value):
            yield str(node.arg)
        elif isinstance(node, ast.Assign) and (values := _each(node.value)) and any(map(_is_encrypt_call, values)):
            targets = [each for target in node.targets for each in _each(target)]
            for target, value in zip(targets, values, strict=True):
                if _is_encrypt_call(value):
                    yield target.attr if isinstance(target, ast.Attribute) else ast.unparse(target)


def _each(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _is_encrypt_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "encrypt"


def test_the_columns_that_are_encrypted():
    found = {
        f"{mapper.class_.__tablename__}.{name}"
        for mapper in Base.registry.mappers
        for name in list_encrypted_columns(mapper.class_)
    }
    assert found == {
        "site.sealed_pass",
        "site.sealed_old_pass",
        "site.sealed_private_key",
        "remote.sealed_pass",
        "hook.sealed_secret",
        "shop_key.sealed_consumer_key",
        "shop_key.sealed_consumer_secret",
        "webhook.sealed_secret",
        "erasure.sealed_addresses",
        "erasure_key.sealed_key",
    }


def test_encrypted_values_are_stored_in_prefixed_columns():
    found, calls = set(), 0
    for path in PACKAGE.rglob("*.py"):
        nodes, name = list_nodes(path), str(path.relative_to(PACKAGE))
        if name not in ("crypto.py", "ops/key_rotation.py"):  # the encryption itself, and a change of the key
            calls += sum(map(_is_encrypt_call, nodes))
            found |= {(number, name, target) for number, target in enumerate(encrypted_values(nodes))}
    others = {(name, target) for _, name, target in found if not target.startswith(ENCRYPTED_PREFIX)}
    assert others == set(ELSEWHERE)
    assert len(found) == calls >= 8, "every call is found"


def test_control_what_is_kept_elsewhere_is_found():
    assert list(encrypted_values(ast.walk(ast.parse("Mail(password=vault.encrypt(text))")))) == ["password"]
    assert list(encrypted_values(ast.walk(ast.parse("mail.password = vault.encrypt(text)")))) == ["password"]
    assert list(encrypted_values(ast.walk(ast.parse("mail.name, mail.secret = name, vault.encrypt(text)")))) == [
        "secret"
    ]
