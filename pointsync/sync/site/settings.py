"""The settings that an admin changes while the site runs; each reading is fresh, so no restart is needed."""

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.errors import Invalid, NotFound
from pointsync.models import Setting


@dataclass(frozen=True, slots=True)
class Kind:
    """What a setting may be: whole numbers from `low` to `high`, or a switch (0 or 1 here)."""

    default: int
    low: int
    high: int
    help: str
    is_switch: bool = False


KINDS = {
    "max_attempts": Kind(10, 1, 1_000, "Attempts before a remote turns red."),
    "delay_seconds": Kind(180, 1, 86_400, "Seconds between two attempts when one has failed."),
    "statistics_days": Kind(31, 1, 3_650, "Days that the status looks back; older errors are left out."),
    "warning_days": Kind(7, 0, 3_650, "Days after its last error until a remote turns green again."),
    "check_seconds": Kind(900, 10, 86_400, "Seconds between two checks (a ping) of each remote."),
    "create_customers": Kind(1, 0, 1, "Whether a movement of a WooRewards shop makes a customer unknown here.", True),
    "only_listed": Kind(0, 0, 1, "Accept only listed sites: whether movements of others are refused.", True),
    "send_mails": Kind(0, 0, 1, "Send mails from this site; of a family, from one site only.", True),
    "expiry_mail_days": Kind(14, 1, 90, "Days before points expire on which customers are mailed about it."),
}
HASTY_SECONDS = 60

_WHOLE = re.compile(r"[+-]?[0-9]{1,9}")


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
    values: dict[str, Any] = {name: int(stored.get(name, kind.default)) for name, kind in KINDS.items()}
    return Settings(**{name: bool(value) if KINDS[name].is_switch else value for name, value in values.items()})


def listing(session: Session) -> list[dict[str, Any]]:
    """`[{name, value, default, low, high, help}]` for people and commands; switches are `on` or `off`."""
    settings = read(session)
    return [
        {"name": name, "value": _shown(kind, int(getattr(settings, name)))}
        | {"default": _shown(kind, kind.default), "low": kind.low, "high": kind.high, "help": kind.help}
        for name, kind in KINDS.items()
    ]


def check(name: str, value: str) -> int:
    """`value` as typed for the setting `name`, as a number. Raises Invalid where it is none, or out of bounds."""
    return _number(name, KINDS[name], value.strip())


def change(session: Session, name: str, value: str) -> str | None:
    """Set `name` to `value` as typed; a word of warning, or None.

    Raises NotFound for another name, Invalid for a value that is no whole number or out of bounds.
    """
    kind = KINDS.get(name)
    if kind is None:
        message = f"There is no setting {name[:64]!r}; there is {', '.join(KINDS)}."
        raise NotFound("unknown_setting", message, {"name": message})
    number = _number(name, kind, value.strip())
    setting = session.get(Setting, name) or Setting(name=name)
    setting.value = str(number)
    session.add(setting)
    session.flush()
    if name == "delay_seconds" and number < HASTY_SECONDS:
        return f"A delay below {HASTY_SECONDS} seconds uses up the attempts quickly while a site restarts."
    return None


def _number(name: str, kind: Kind, value: str) -> int:
    if kind.is_switch and value.lower() in ("on", "off"):
        return int(value.lower() == "on")
    number = int(value) if _WHOLE.fullmatch(value) else None
    if number is None or not kind.low <= number <= kind.high:
        wanted = "on or off" if kind.is_switch else f"a whole number from {kind.low:,} to {kind.high:,}"
        raise Invalid(name, f"{name} must be {wanted}; this is {value[:40]!r}.")
    return number


def _shown(kind: Kind, value: int) -> int | str:
    return ("on" if value else "off") if kind.is_switch else value
