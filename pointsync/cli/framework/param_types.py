"""Types of arguments and options. They check a value before the command does anything."""

import re
import socket
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from pointsync import whole_number
from pointsync.cli.framework.errors import CommandError, to_one_line
from pointsync.errors import InvalidInput
from pointsync.ids import MAX_ROW_ID
from pointsync.text_limits import MAX_POINTS, is_reserve_key, validate_text

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType

MAX_QUOTED = 40
MAX_BIG_ROW_ID = 2**63 - 1
MAX_PORT = 65_535

_DIGITS = re.compile(r"[0-9]+\Z")
_PERIOD = re.compile(r"([0-9]{1,6})([dm])\Z")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}\Z")
_YEAR_DAY = re.compile(r"([0-9]{2})-([0-9]{2})\Z")


class WholeNumber(ParamType):
    """A whole number from `low` to `high`."""

    name = "number"

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number = whole_number.read_text(str(value))
        if number is None or not self.low <= number <= self.high:
            self.fail(f"It must be a whole number from {self.low:,} to {self.high:,}, not {_quote(value)}.", param)
        return number


class SingleLine(ParamType):
    """Text on one line, at most `max_length` characters."""

    name = "text"

    def __init__(self, max_length: int) -> None:
        self.max_length = max_length

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            validate_text(str(value), self.max_length, self.name)
        except InvalidInput as error:
            self.fail(error.message, param)
        return str(value)


class _Points(ParamType):
    name = "points"

    def __init__(self, *, may_be_zero: bool) -> None:
        self.may_be_zero = may_be_zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number = whole_number.read_text(str(value))
        if number is None or abs(number) > MAX_POINTS:
            self.fail(
                f"Points are a whole number within ±{MAX_POINTS:,}, such as 25 or -50, not {_quote(value)}.", param
            )
        if number == 0 and not self.may_be_zero:
            self.fail("0 points change nothing. Give a number above or below 0.", param)
        return number


class _Email(ParamType):
    name = "email"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from pointsync.email_address import parse

        try:
            return parse(str(value)).spelling
        except InvalidInput as error:
            self.fail(error.message, param)


class _RowId(ParamType):
    """The number in the first column of a list. A number above the database's range is one that does not exist."""

    name = "id"

    def __init__(self, noun: str, max_id: int) -> None:
        self.noun, self.max_id = noun, max_id

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        if not text.isascii() or not _DIGITS.match(text):
            self.fail(f"Give the number of the {self.noun} in the list, such as 1, not {_quote(value)}.", param)
        if len(text) > len(str(self.max_id)) or int(text) > self.max_id:
            raise CommandError(f"There is no {self.noun} {text[:MAX_QUOTED]}. See the list.")
        return int(text)


class _ReserveKey(ParamType):
    name = "key"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_reserve_key(str(value)):
            self.fail("A reserve's key has only letters, digits, - and _, at most 64, such as default.", param)
        return str(value)


class _Host(ParamType):
    """An address or a name to listen at; `[::1]` and `::1` are the same."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        host = str(value).removeprefix("[").removesuffix("]")
        try:
            if host != "*":
                socket.getaddrinfo(host, None)
        except (OSError, UnicodeError):
            self.fail(f"{_quote(value)} is not an address of this machine. Example: 127.0.0.1", param)
        return host


class _Period(ParamType):
    """A number of days or months, such as 90d or 9m; `(count, unit)`."""

    name = "period"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, str]:
        match = _PERIOD.match(str(value))
        if not match:
            self.fail(f"A period is a number of days or months, such as 90d or 9m, not {_quote(value)}.", param)
        return int(match[1]), "days" if match[2] == "d" else "months"


class _YearDay(ParamType):
    """A day of any year, such as 12-31; `(month, day)`."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        match = _YEAR_DAY.match(str(value))
        if not match:
            self.fail(f"A day of the year is a month and a day, such as 12-31, not {_quote(value)}.", param)
        return int(match[1]), int(match[2])


class _Day(ParamType):
    """A day, such as 2026-01-31, of the years 1970 to 2999."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            day = date.fromisoformat(str(value)) if _DAY.match(str(value)) else date.min
        except ValueError:
            day = date.min
        if not 1970 <= day.year < 3000:
            self.fail(f"A day is a year, a month and a day, such as 2026-01-31, not {_quote(value)}.", param)
        return day


class _Month(ParamType):
    """A month, such as 2026-01, as text."""

    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _MONTH.match(str(value)):
            self.fail(f"A month is a year and a month, such as 2026-01, not {_quote(value)}.", param)
        return str(value)


class _LocalDateTime(ParamType):
    """A time for `clock.parse_input`. It stays text, because the site's time zone is not known yet."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from datetime import UTC

        from pointsync import clock

        try:
            clock.parse_input(str(value), UTC)
        except ValueError:
            self.fail(f"A time is a day, or a day and a time, such as '2026-01-31 14:30', not {_quote(value)}.", param)
        return str(value)


BALANCE = _Points(may_be_zero=True)
DAY = _Day()
DELIVERY_ID = _RowId("delivery", MAX_BIG_ROW_ID)
EMAIL = _Email()
ERASURE_ID = _RowId("erasure", MAX_ROW_ID)
HOST = _Host()
LOCAL_DATE_TIME = _LocalDateTime()
MAIL_ID = _RowId("mail", MAX_BIG_ROW_ID)
MONTH = _Month()
MOVEMENT_ID = _RowId("movement", MAX_BIG_ROW_ID)
PERIOD = _Period()
POINTS = _Points(may_be_zero=False)
PORT = WholeNumber(1, MAX_PORT)
REMOTE_ID = _RowId("remote", MAX_ROW_ID)
RESERVE_KEY = _ReserveKey()
SHOP_ID = _RowId("shop", MAX_ROW_ID)

SHOP_ORDER_ID = _RowId("order", MAX_BIG_ROW_ID)

WEBHOOK_ID = _RowId("webhook", MAX_ROW_ID)
REWARD_ID = _RowId("reward", MAX_ROW_ID)
YEAR_DAY = _YearDay()


def _quote(value: Any) -> str:
    return repr(to_one_line(str(value)[:MAX_QUOTED]))
