"""Every column with texts is cleaned by erasures, or never names a customer, for a reason."""

from sqlalchemy import JSON, Enum, LargeBinary, String

import pointsync.models  # noqa: F401 declares all tables
from pointsync.db import Base
from pointsync.ledger.people.erasure.named_columns import NEVER, OTHERWISE, REPLACED
from pointsync.reports.person_report.texts import PLACES


def text_columns() -> set[tuple[str, str]]:
    """(table, column) of all columns that may hold texts. `LargeBinary` is what a compressed text is stored as."""
    return {
        (table.name, column.name)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, String | JSON | LargeBinary) and not isinstance(column.type, Enum)
    }


def listed_columns() -> list[tuple[str, str]]:
    replaced = [(each.table.name, name) for each in REPLACED for name in (*each.texts, *each.json)]
    otherwise = [(table, name) for table, names in OTHERWISE.items() for name in names]
    never = [(table, name) for table, names in NEVER.items() for name in names]
    return [*replaced, *otherwise, *never]


def test_each_column_with_texts_is_in_exactly_one_list():
    listed = listed_columns()
    assert sorted(text_columns() - set(listed)) == [], "new columns: add them to named_columns"
    assert sorted(set(listed) - text_columns()) == [], "columns that are not there"
    assert sorted({each for each in listed if listed.count(each) > 1}) == []


def test_whatever_never_names_anybody_has_a_reason():
    assert all(reason.strip() for names in NEVER.values() for reason in names.values())


def test_a_report_lists_what_an_erasure_replaces():
    assert set(PLACES) == {each.model for each in REPLACED}
    assert len({place for place, _ in PLACES.values()}) == len(PLACES)
