"""Settings that an admin can change while the site runs; they are read each time, so no restart is needed."""

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.errors import InvalidInput, NotFound
from pointsync.models import Setting


@dataclass(frozen=True, slots=True)
class Definition:
    """The values that a setting can have: whole numbers from `low` to `high`, or a switch (stored as 0 or 1)."""

    default: int
    low: int
    high: int
    help: str
    is_switch: bool = False


DEFINITIONS = {
    "max_attempts": Definition(10, 1, 1_000, "Attempts before a remote turns red."),
    "delay_seconds": Definition(180, 1, 86_400, "Seconds to wait after a failed attempt."),
    "statistics_days": Definition(
        31, 1, 3_650, "Days covered by statistics; older errors do not count for the status."
    ),
    "warning_days": Definition(7, 0, 3_650, "Days after its last error until a remote turns green again."),
    "check_seconds": Definition(6, 5, 60, "Seconds between two comparisons with each remote."),
    "create_customers": Definition(
        1, 0, 1, "Create unknown customers when a WooRewards shop sends movements for them.", True
    ),
    "only_listed": Definition(0, 0, 1, "Accept movements only from sites on the Remote sites list.", True),
    "approve_changes": Definition(
        0, 0, 1, "Apply changes of customers from other sites only after an admin has approved them.", True
    ),
    "send_mails": Definition(0, 0, 1, "Send mails from this site. In a family, only one site should send them.", True),
    "shop_read_minutes": Definition(5, 1, 1_440, "Minutes between two readings of a connected shop's orders."),
    "expiry_mail_days": Definition(14, 1, 90, "Customers get a mail this many days before their points expire."),
    "backup_days": Definition(
        0, 0, 36_500, "Days for which backups are kept, for the receipts of erasures. 0: not set."
    ),
    "hook_silent_days": Definition(
        7,
        0,
        3_650,
        "Days without a delivery until a WooCommerce hook, or without a call until a WordPress shop, needs attention. "
        "0 turns this off.",
    ),
}
SHORT_DELAY_SECONDS = 60

_SELECT_VALUES = select(Setting.name, Setting.value)

_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Settings:
    """The current values of all settings."""

    max_attempts: int
    delay_seconds: int
    statistics_days: int
    warning_days: int
    check_seconds: int
    create_customers: bool
    only_listed: bool
    approve_changes: bool
    send_mails: bool
    shop_read_minutes: int
    expiry_mail_days: int
    hook_silent_days: int
    backup_days: int


def read(session: Session) -> Settings:
    """Read all settings; those that were never changed have their defaults."""
    stored = {row.name: row.value for row in session.connection().execute(_SELECT_VALUES)}
    values: dict[str, Any] = {
        # A value from before a setting had its present bounds counts as the nearest allowed one.
        name: min(max(int(stored.get(name, definition.default)), definition.low), definition.high)
        for name, definition in DEFINITIONS.items()
    }
    return Settings(**{name: bool(value) if DEFINITIONS[name].is_switch else value for name, value in values.items()})


def list_json(session: Session) -> list[dict[str, Any]]:
    """`[{name, value, default, low, high, help}]` for commands; switches are `on` or `off`."""
    settings = read(session)
    return [
        {"name": name, "value": _display_value(definition, int(getattr(settings, name)))}
        | {"default": _display_value(definition, definition.default), "low": definition.low, "high": definition.high}
        | {"help": definition.help}
        for name, definition in DEFINITIONS.items()
    ]


def parse(name: str, text: str) -> int:
    """The entered value of a setting as a number. Raises InvalidInput if it is invalid or out of bounds."""
    definition, text = DEFINITIONS[name], text.strip()
    if definition.is_switch and text.lower() in ("on", "off"):
        return int(text.lower() == "on")
    number = int(text) if _INTEGER.fullmatch(text) else None
    if number is None or not definition.low <= number <= definition.high:
        expected = (
            "on or off" if definition.is_switch else f"a whole number from {definition.low:,} to {definition.high:,}"
        )
        raise InvalidInput(name, f"{name} must be {expected}, not {text[:40]!r}.")
    return number


def change(session: Session, name: str, text: str) -> str | None:
    """Set a setting to the entered value. Return a warning, or None.

    Raises NotFound for an unknown setting, InvalidInput for an invalid value.
    """
    if name not in DEFINITIONS:
        message = f"There is no setting {name[:64]!r}. The settings are {', '.join(DEFINITIONS)}."
        raise NotFound("unknown_setting", message, {"name": message})
    number = parse(name, text)
    Setting.write(session, name, str(number))
    if name == "delay_seconds" and number < SHORT_DELAY_SECONDS:
        return f"A delay below {SHORT_DELAY_SECONDS} seconds uses up the attempts quickly while a site restarts."
    return None


def _display_value(definition: Definition, value: int) -> int | str:
    return ("on" if value else "off") if definition.is_switch else value
