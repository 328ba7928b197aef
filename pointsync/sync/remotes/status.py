"""The status of a remote, from facts alone: a pure function, and the words beside the colour."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pointsync.sync.site.settings import Settings

NONE, GREEN, WARNING, ERROR = "none", "green", "warning", "error"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is so at this moment about one remote; a `…_code` is None where nothing was tried, or `ok`."""

    attempt_code: str | None = None
    attempt_message: str | None = None
    attempt_is_permanent: bool = False
    check_code: str | None = None
    check_message: str | None = None
    check_is_permanent: bool = False
    last_failure_at: datetime | None = None
    is_paused: bool = False
    is_blocked: bool = False
    """Its site is: then it is not sent to either, whether it is paused or not."""
    is_used_up: bool = False
    """A delivery has had all its attempts and is still not delivered."""
    pending: int = 0
    failed: int = 0
    """Deliveries refused or in conflict there, not dealt with."""
    unknown_customers: int = 0
    was_sent: bool = False
    """Something was ever sent."""

    @property
    def is_still(self) -> bool:
        """Whether nothing is sent, by an admin's word."""
        return self.is_paused or self.is_blocked

    @property
    def attempt_failed(self) -> bool:
        """Whether the last attempt failed."""
        return self.attempt_code not in (None, "ok")

    @property
    def check_failed(self) -> bool:
        """Whether the last check failed."""
        return self.check_code not in (None, "ok", "clock_skew")


def status(facts: Facts, now: datetime, settings: Settings) -> str:
    """`error`, `warning`, `none` or `green`: the first that fits, as the product's rules say.

    Periods forget errors that are past, never those that are present. An error exactly as old as a
    period is past.
    """
    lasting = (facts.attempt_failed and facts.attempt_is_permanent) or (facts.check_failed and facts.check_is_permanent)
    if facts.is_used_up or lasting or facts.failed:
        return ERROR
    remembered = timedelta(days=min(settings.warning_days, settings.statistics_days))
    failed_lately = facts.last_failure_at is not None and now - facts.last_failure_at < remembered
    if facts.attempt_failed or facts.check_failed or failed_lately or (facts.is_still and facts.pending):
        return WARNING
    if not facts.was_sent:
        return NONE
    return GREEN


def words(facts: Facts, shown: str, settings: Settings) -> str:
    """A few sentences that say what the colour means here and what to do."""
    said = []
    if facts.is_blocked:
        said.append("Blocked: nothing is taken from this site, and nothing sent, until it is unblocked.")
    if facts.is_paused:
        said.append("Paused: nothing is sent until it is resumed.")
    said.append(_cause(facts, shown, settings))
    waiting = facts.pending + facts.failed
    if waiting:
        said.append(f"{_count(waiting, 'movement')} waiting.")
    if facts.unknown_customers:
        said.append(f"{_count(facts.unknown_customers, 'movement')} for customers unknown there.")
    return " ".join(filter(None, said))


def _cause(facts: Facts, shown: str, settings: Settings) -> str:
    trouble = None
    if facts.attempt_failed:
        trouble = facts.attempt_message or "The last attempt failed."
    elif facts.check_failed:
        trouble = facts.check_message or "The last check failed."
    if shown == ERROR:
        if facts.attempt_failed and facts.attempt_is_permanent:
            return facts.attempt_message or "The last attempt failed."
        if facts.check_failed and facts.check_is_permanent:
            return facts.check_message or "The last check failed."
        if facts.is_used_up:
            used_up = f"Not delivered after {_count(settings.max_attempts, 'attempt')}. {trouble or ''}".strip()
            if facts.is_still:  # then it is not asked
                return used_up
            asked = f"It is asked every {settings.delay_seconds:,} seconds, and all that waits is sent when it answers."
            return f"{used_up} {asked}"
        return f"{_count(facts.failed, 'movement')} refused there: send again, set aside or correct here."
    if shown == WARNING:
        if trouble:
            return trouble
        if facts.is_still:
            return "" if facts.pending else "An error in the warning period is remembered."
        again = "It answers again, and what waits is on its way" if facts.pending else "In step again"
        return f"{again}; an error in the warning period is remembered."
    if facts.is_still:
        return ""
    if shown == NONE:
        return "Nothing was sent yet; the last check was fine." if facts.check_code else "Nothing was sent yet."
    return "It answers, and what waits is on its way." if facts.pending else "In step."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
