"""`IN` for long lists: one parameter instead of one for each value, which would take longer than the query itself."""

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import ARRAY, ColumnElement, Dialect, Text, bindparam, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine


def is_in(column: InstrumentedAttribute[Any], values: Collection[int] | Collection[str]) -> ColumnElement[bool]:
    """The condition that a column of numbers or texts has one of `values`, of any number; false without any.

    The texts must be storable (see `text_limits.is_storable`): SQLite finds no NUL character in JSON.
    """
    return _IsIn(column, literal(list(values), _ValueList(column.type)))


def is_in_parameter(column: InstrumentedAttribute[Any], name: str) -> ColumnElement[bool]:
    """The same for statements that are built once: the list is the parameter `name` when they are executed."""
    return _IsIn(column, bindparam(name, type_=_ValueList(column.type)))


class _ValueList(TypeDecorator[Any]):
    """A list as one parameter: an array in PostgreSQL, and JSON in SQLite, which has no arrays."""

    impl = Text
    cache_ok = True

    def __init__(self, item_type: TypeEngine[Any]) -> None:
        super().__init__()
        self.item_type = item_type

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(self.item_type))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return msgspec.json.encode(value).decode() if dialect.name == "sqlite" else value


class _IsIn(FunctionElement[bool]):
    name = "is_in"
    type = NullType()  # type: ignore[assignment]  # not Boolean: SQLAlchemy would write `… = 1`, for which SQLite uses no index
    inherit_cache = True


@compiles(_IsIn, "sqlite")
def _compile_for_sqlite(element: _IsIn, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608


@compiles(_IsIn, "postgresql")
def _compile_for_postgresql(element: _IsIn, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} = ANY({values})"
