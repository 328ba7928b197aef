"""A file's bytes read as rows: encodings, delimiters, quotes, bounds; whatever it holds, a sentence says what."""

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pointsync.imports import encoding as import_encoding
from pointsync.imports import formats
from pointsync.imports import rows as import_rows
from pointsync.imports.encoding import MAX_LINE, Unreadable
from pointsync.imports.rows import Row, Sheet

TABLE = "customer,points,reason\nanna@x.example,5,Käse\nbob@x.example,-3,\n"


def read(content: bytes | str, wanted: str | None = None) -> tuple[import_encoding.Survey, Sheet, list[Row]]:
    """What a file with that content is understood as."""
    raw = content.encode() if isinstance(content, str) else content
    with tempfile.NamedTemporaryFile() as file:
        path = Path(file.name)
        path.write_bytes(raw)
        found = import_encoding.survey(path)
        with import_rows.reading(path, found, wanted) as sheet:
            return found, sheet, list(sheet.rows)


def refused(content: bytes | str, wanted: str | None = None) -> Unreadable:
    """Why such a file cannot be read."""
    with pytest.raises(Unreadable) as refusal:
        read(content, wanted)
    return refusal.value


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (TABLE.encode(), "UTF-8"),
        (TABLE.encode("utf-8-sig"), "UTF-8"),
        (b"\xff\xfe" + TABLE.encode("utf-16-le"), "UTF-16"),
        (b"\xfe\xff" + TABLE.encode("utf-16-be"), "UTF-16"),
        (TABLE.encode("cp1252"), "Windows-1252"),
        (TABLE.replace("\n", "\r\n").encode(), "UTF-8"),
        (TABLE.replace("\n", "\r").encode(), "UTF-8"),
        (TABLE.replace(",", ";").encode(), "UTF-8"),
        (TABLE.replace(",", "\t").encode(), "UTF-8"),
        (f"\n{TABLE}\n\n,,\n".encode(), "UTF-8"),
        (TABLE.rstrip("\n").encode(), "UTF-8"),
        (TABLE.replace("Käse", '"Käse"').replace("customer", '" Customer "').encode(), "UTF-8"),
    ],
)
def test_the_same_table_however_it_is_written(raw, encoding):
    found, sheet, rows = read(raw)
    assert found.encoding == encoding
    assert found.first_foreign_line == (2 if encoding == "Windows-1252" else None)
    assert (sheet.shape.name, sheet.shape.ignored, sheet.unit) == ("pointsync", [], "line")
    first = 3 if raw.startswith(b"\n") else 2
    assert rows == [
        Row(first, {"customer": "anna@x.example", "points": "5", "reason": "Käse"}),
        Row(first + 1, {"customer": "bob@x.example", "points": "-3", "reason": ""}),
    ]


def test_quotes_line_breaks_and_the_numbers_of_lines():
    _, _, rows = read('email,points,note\n"a@x.example",1,"two\r\n""lines"""\n\nb@x.example,2,x\n')
    assert rows == [Row(2, {"customer": "a@x.example", "points": "1"}), Row(5, rows[1].cells)]
    assert rows[1].cells == {"customer": "b@x.example", "points": "2"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"a@x.example,1,\xc3\xa4\xff", "bytes that are no letters in UTF-8"),
        (b"a@x.example,1,\0", "NUL"),
        (b"a@x.example", "1 cells, and the header has 3"),
        (b"a@x.example,1,x,y", "4 cells"),
        (b'a@x.example,1,"x"y', "behind a closed quote"),
    ],
)
def test_a_faulty_line_is_named_and_the_others_are_read(line, words):
    _, _, rows = read(b"customer,points,reason\n\xc3\xa4@x.example,1,\n" + line + b"\nb@x.example,2,\n")
    assert [row.number for row in rows] == [2, 3, 4]
    assert [row.fault is None for row in rows] == [True, False, True]
    assert words in rows[1].fault


def test_a_quote_left_open_at_the_end_names_where_it_was_opened():
    _, _, rows = read('customer,points\na@x.example,1\n"b@x.example,2\n')
    assert rows[1].number == 3
    assert "not closed" in rows[1].fault


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        (b"PK\x03\x04rest", "Excel"),
        (b"\x1f\x8brest", "packed"),
        (b"a\0b\0", "no text"),
        ("x" * (MAX_LINE + 2), "Line 1: it is longer than 20,000"),
        (f"customer,points\n{'x' * 10_000_000},5\n", "Line 2: it is longer"),
        ("customer,points\na@x.example,5\n" + '"' + "x\n" * MAX_LINE, "Line 3: more than 20,000"),
        ("customer,points,Points\n", "Line 1: the columns points and Points could both be the points"),
        ("e-mail,Email,points\n", "e-mail and Email"),
        ("user_id,points\n", "no column has the customers' e-mail addresses; call it email"),
        ("movement,customer,reserve,points,at,remote,target,state\n", "these are deliveries"),
        ("customer;reserve\n", "no column has their points"),
        ('"customer,points\n', "quote"),
        ("," * 300, "301 columns"),
        ("[]", "list is empty"),
        ("[1]", "Entry 1"),
        ('[{"email": "a@x.example", "points": 1}, {"email', "Entry 2"),
        ('[{"email": ' + "[" * 5000, "Entry 1"),
    ],
)
def test_what_cannot_be_read_on(content, words):
    assert words in str(refused(content))


@pytest.mark.parametrize(
    "header",
    [
        "customer,points",
        "E-Mail ; Points Balance",
        "User_Email\tPOINTS",
        "wc_points_balance,billing email",
        "email,Balance",
    ],
)
def test_lists_of_balances_by_their_header(header):
    _, sheet, rows = read(f"{header}\n")
    assert sheet.shape.places.keys() == {"customer", "points"}
    assert rows == []


def test_columns_that_are_not_read_are_named_and_the_shape_may_be_chosen():
    header = "customer,points,balance,kind,origin\n"
    _, own, _ = read(header)
    assert (own.shape.name, own.shape.ignored) == ("pointsync", ["balance", "origin"])
    assert "both be the points" in str(refused(header, formats.BALANCES))
    assert "call it customer" in str(refused("email,points\n", formats.OWN))


def test_the_json_list_of_woorewards():
    entries = '{"email":"jd@example.com","points":"190"} , {"points": 224, "email":"emma@example.com", "id": [1]}'
    _, sheet, rows = read(f'[ {entries},\n{{"email": {{}}}}, {{"points": null}} ]')
    assert (sheet.unit, sheet.shape.name) == ("entry", formats.BALANCES)
    assert rows[:2] == [
        Row(1, {"customer": "jd@example.com", "points": "190"}),
        Row(2, {"customer": "emma@example.com", "points": "224"}),
    ]
    assert "no text" in rows[2].fault
    assert rows[3].cells == {"customer": "", "points": ""}


def test_a_long_json_list_is_read_entry_by_entry():
    many = ",".join(f'{{"email": "c{n}@x.example", "points": {n}}}' for n in range(5000))
    _, _, rows = read(f"[{many}]")
    assert [row.cells["points"] for row in rows] == [str(n) for n in range(5000)]


@given(st.binary(max_size=400))
@example(b'customer,points\r"')
@example(b"\xff\xfec")
@example(b"[{}]")
def test_no_bytes_break_the_reader(raw):
    for content in (raw, b"customer,points\n" + raw, b'[{"email": "a", "points": 1},' + raw):
        with suppress(Unreadable):
            _, _, rows = read(content)
            assert all(row.cells or row.fault for row in rows)
