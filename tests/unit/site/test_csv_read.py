"""Reading the rows of an import file: encodings, delimiters, quotes, limits, and clear messages for bad files."""

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pointsync.imports import encoding as import_encoding
from pointsync.imports import formats
from pointsync.imports import rows as import_rows
from pointsync.imports.encoding import MAX_LINE_CHARS, UnreadableFile
from pointsync.imports.rows import ImportFile, Row

TABLE = "customer,points,reason\nanna@x.example,5,Käse\nbob@x.example,-3,\n"


def read_file(
    content: bytes | str, format_name: str | None = None
) -> tuple[import_encoding.FileEncoding, ImportFile, list[Row]]:
    """Read a file with that content: its encoding, its format and its rows."""
    raw = content.encode() if isinstance(content, str) else content
    with tempfile.NamedTemporaryFile() as file:
        path = Path(file.name)
        path.write_bytes(raw)
        encoding = import_encoding.detect_encoding(path)
        with import_rows.open_rows(path, encoding, format_name) as file:
            return encoding, file, list(file.rows)


def expect_refused(content: bytes | str, format_name: str | None = None) -> UnreadableFile:
    """Return why such a file cannot be read."""
    with pytest.raises(UnreadableFile) as refusal:
        read_file(content, format_name)
    return refusal.value


@pytest.mark.parametrize(
    ("raw", "label"),
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
        (TABLE.replace("-3,\n", "-3\n").encode(), "UTF-8"),
        (TABLE.replace("Käse", '"Käse"').replace("customer", '" Customer "').encode(), "UTF-8"),
    ],
)
def test_the_same_table_in_many_encodings(raw, label):
    encoding, file, rows = read_file(raw)
    assert encoding.label == label
    assert encoding.first_foreign_line == (2 if label == "Windows-1252" else None)
    assert (file.format.name, file.format.ignored, file.unit) == ("pointsync", [], "line")
    first = 3 if raw.startswith(b"\n") else 2
    assert rows == [
        Row(first, {"customer": "anna@x.example", "points": "5", "reason": "Käse"}),
        Row(first + 1, {"customer": "bob@x.example", "points": "-3", "reason": ""}),
    ]


@pytest.mark.parametrize(
    "first",
    [*("sep=;", "SEP=;", " sep=; ", "sep=;\r", '"sep=;"', "\ufeffsep=;", "sep=|", "sep=\t", "sep=,"), "\n\nsep=;"],
    ids=ascii,
)
def test_a_line_that_names_the_delimiter_is_not_the_header(first):
    delimiter = first.strip().strip('"')[-1] if "\t" not in first else "\t"
    table = TABLE.replace(",", delimiter)
    _, file, rows = read_file(f"{first}\n{table}")
    assert (file.delimiter, file.format.name) == (delimiter, "pointsync")
    number = first.count("\n") + 3
    assert rows == [
        Row(number, {"customer": "anna@x.example", "points": "5", "reason": "Käse"}),
        Row(number + 1, {"customer": "bob@x.example", "points": "-3", "reason": ""}),
    ]


def test_the_line_that_names_the_delimiter_needs_a_table_below():
    assert "empty" in expect_refused("sep=;\n").message
    assert "no column" in expect_refused("sep=;\nanna@x.example;5\n").message


def test_empty_cells_at_the_end_of_a_row_may_be_missing():
    table = "note,customer,points,reserve,ref\nx,a@x.example,5\nx,b@x.example,6,gold\nx,c@x.example\n"
    _, _, rows = read_file(table)
    assert [each.fault for each in rows] == [None, None, "It has 2 cells, but the header has 5."]


NAMES_AND_ADDRESSES = [
    "Customer,Email,Points",
    "email,customer,points",
    "Customer;E-Mail;Points",
    "customer,points,User Email",
    "Customer,Email,Balance",
    "customer,email,points,ref,at",
]


@pytest.mark.parametrize("header", NAMES_AND_ADDRESSES)
def test_a_column_of_names_beside_one_of_addresses(header):
    delimiter = ";" if ";" in header else ","
    cells = {"customer": "Anna Bell", "points": "5", "balance": "5", "ref": "", "at": ""}
    line = delimiter.join(cells.get(name, "anna@x.example") for name in header.lower().split(delimiter))
    _, file, rows = read_file(f"{header}\n{line}\n")
    assert (rows[0].cells["customer"], rows[0].cells["points"]) == ("anna@x.example", "5")
    assert file.format.ignored == ["Customer" if "Customer" in header else "customer"]


def test_quotes_line_breaks_and_line_numbers():
    _, _, rows = read_file('email,points,note\n"a@x.example",1,"two\r\n""lines"""\n\nb@x.example,2,x\n')
    assert rows == [Row(2, {"customer": "a@x.example", "points": "1"}), Row(5, rows[1].cells)]
    assert rows[1].cells == {"customer": "b@x.example", "points": "2"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"a@x.example,1,\xc3\xa4\xff", "bytes that are not valid UTF-8"),
        (b"a@x.example,1,\0", "NUL"),
        (b"a@x.example", "1 cells, but the header has 3"),
        (b"a@x.example,1,x,y", "4 cells"),
        (b'a@x.example,1,"x"y', "after a closing quote"),
    ],
)
def test_a_faulty_line_is_reported_and_the_others_are_read(line, message):
    _, _, rows = read_file(b"customer,points,reason\n\xc3\xa4@x.example,1,\n" + line + b"\nb@x.example,2,\n")
    assert [row.number for row in rows] == [2, 3, 4]
    assert [row.fault is None for row in rows] == [True, False, True]
    assert message in rows[1].fault


def test_a_quote_that_is_never_closed_is_reported_where_it_opens():
    _, _, rows = read_file('customer,points\na@x.example,1\n"b@x.example,2\n')
    assert rows[1].number == 3
    assert "not closed" in rows[1].fault


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        (b"PK\x03\x04rest", "Excel"),
        (b"\x1f\x8brest", "compressed"),
        (b"a\0b\0", "not a text file"),
        ("x" * (MAX_LINE_CHARS + 2), "Line 1: it is longer than 20,000"),
        (f"customer,points\n{'x' * 10_000_000},5\n", "Line 2: it is longer"),
        ("customer,points\na@x.example,5\n" + '"' + "x\n" * MAX_LINE_CHARS, "Line 3: it has more than 20,000"),
        ("customer,points,Points\n", "Line 1: the columns points and Points could both be the points"),
        ("e-mail,Email,points\n", "e-mail and Email"),
        ("user_id,points\n", "no column has the customers' e-mail addresses. Name it email"),
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
def test_unreadable_files(content, message):
    assert message in str(expect_refused(content))


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
def test_balance_lists_are_recognised_by_their_header(header):
    _, file, rows = read_file(f"{header}\n")
    assert file.format.column_indexes.keys() == {"customer", "points"}
    assert rows == []


def test_ignored_columns_are_listed_and_the_format_can_be_chosen():
    header = "customer,points,balance,kind,origin\n"
    _, own, _ = read_file(header)
    assert (own.format.name, own.format.ignored) == ("pointsync", ["balance", "origin"])
    assert "both be the points" in str(expect_refused(header, formats.BALANCES))
    assert "Name it customer" in str(expect_refused("email,points\n", formats.POINTSYNC))


def test_a_json_list_of_woorewards():
    entries = '{"email":"jd@example.com","points":"190"} , {"points": 224, "email":"emma@example.com", "id": [1]}'
    _, file, rows = read_file(f'[ {entries},\n{{"email": {{}}}}, {{"points": null}} ]')
    assert (file.unit, file.format.name) == ("entry", formats.BALANCES)
    assert rows[:2] == [
        Row(1, {"customer": "jd@example.com", "points": "190"}),
        Row(2, {"customer": "emma@example.com", "points": "224"}),
    ]
    assert "neither a text nor a number" in rows[2].fault
    assert rows[3].cells == {"customer": "", "points": ""}


def test_a_long_json_list():
    many = ",".join(f'{{"email": "c{n}@x.example", "points": {n}}}' for n in range(5000))
    _, _, rows = read_file(f"[{many}]")
    assert [row.cells["points"] for row in rows] == [str(n) for n in range(5000)]


@given(st.binary(max_size=400))
@example(b'customer,points\r"')
@example(b"\xff\xfec")
@example(b"[{}]")
def test_no_input_breaks_the_reader(raw):
    for content in (raw, b"customer,points\n" + raw, b'[{"email": "a", "points": 1},' + raw):
        with suppress(UnreadableFile):
            _, _, rows = read_file(content)
            assert all(row.cells or row.fault for row in rows)
