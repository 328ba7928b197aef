"""The settings that an admin changes while the site runs; each reading is fresh, so no restart is needed."""

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.errors import InvalidInput, NotFound
from pointsync.models import Setting


@dataclass(frozen=True, slots=True)
class Definition:
    """What a setting may be: whole numbers from `low` to `high`, or a switch (0 or 1 here)."""

    default: int
    low: int
    high: int
    help: str
    is_switch: bool = False


DEFINITIONS = {
    "max_attempts": Definition(10, 1, 1_000, "Attempts before a remote turns red."),
    "delay_seconds": Definition(180, 1, 86_400, "Seconds between two attempts when one has failed."),
    "statistics_days": Definition(31, 1, 3_650, "Days that the status looks back; older errors are left out."),
    "warning_days": Definition(7, 0, 3_650, "Days after its last error until a remote turns green again."),
    "check_seconds": Definition(900, 10, 86_400, "Seconds between two checks (a ping) of each remote."),
    "create_customers": Definition(
        1, 0, 1, "Whether a movement of a WooRewards shop makes a customer unknown here.", True
    ),
    "only_listed": Definition(0, 0, 1, "Accept only listed sites: whether movements of others are refused.", True),
    "send_mails": Definition(0, 0, 1, "Send mails from this site; of a family, from one site only.", True),
    "expiry_mail_days": Definition(14, 1, 90, "Days before points expire on which customers are mailed about it."),
}
SHORT_DELAY_SECONDS = 60

_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings as they stand at one moment."""

    max_attempts: int
    delay_seconds: int
    statistics_days: int
    warning_days: int
    check_seconds: int
    create_customers: bool
    only_listed: bool
    send_mails: bool
    expiry_mail_days: int


def read(session: Session) -> Settings:
    """The settings now; defaults where an admin has set none."""
    stored = {row.name: row.value for row in session.execute(select(Setting.name, Setting.value))}
    values: dict[str, Any] = {name: int(stored.get(name, kind.default)) for name, kind in DEFINITIONS.items()}
    return Settings(**{name: bool(value) if DEFINITIONS[name].is_switch else value for name, value in values.items()})


def list_json(session: Session) -> list[dict[str, Any]]:
    """`[{name, value, default, low, high, help}]` for people and commands; switches are `on` or `off`."""
    settings = read(session)
    return [
        {"name": name, "value": _display_value(kind, int(getattr(settings, name)))}
        | {"default": _display_value(kind, kind.default), "low": kind.low, "high": kind.high, "help": kind.help}
        for name, kind in DEFINITIONS.items()
    ]


def parse(name: str, text: str) -> int:
    """`value` as typed for the setting `name`, as a number. Raises Invalid where it is none, or out of bounds."""
    return _parse_number(name, DEFINITIONS[name], text.strip())


def change(session: Session, name: str, text: str) -> str | None:
    """Set `name` to `value` as typed; a word of warning, or None.

    Raises NotFound for another name, Invalid for a value that is no whole number or out of bounds.
    """
    definition = DEFINITIONS.get(name)
    if definition is None:
        message = f"There is no setting {name[:64]!r}; there is {', '.join(DEFINITIONS)}."
        raise NotFound("unknown_setting", message, {"name": message})
    number = _parse_number(name, definition, text.strip())
    setting = session.get(Setting, name) or Setting(name=name)
    setting.value = str(number)
    session.add(setting)
    session.flush()
    if name == "delay_seconds" and number < SHORT_DELAY_SECONDS:
        return f"A delay below {SHORT_DELAY_SECONDS} seconds uses up the attempts quickly while a site restarts."
    return None


def _parse_number(name: str, definition: Definition, text: str) -> int:
    if definition.is_switch and text.lower() in ("on", "off"):
        return int(text.lower() == "on")
    number = int(text) if _INTEGER.fullmatch(text) else None
    if number is None or not definition.low <= number <= definition.high:
        expected = (
            "on or off" if definition.is_switch else f"a whole number from {definition.low:,} to {definition.high:,}"
        )
        raise InvalidInput(name, f"{name} must be {expected}; this is {text[:40]!r}.")
    return number


def _display_value(definition: Definition, value: int) -> int | str:
    return ("on" if value else "off") if definition.is_switch else value
