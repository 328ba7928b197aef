"""Which of a customer's points expire on which day: replays the movements in the order of their times."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pointsync.clock import local_date
from pointsync.ledger.expiry.rule import INACTIVITY, TRANSACTIONAL, ExpiryRule


@dataclass(frozen=True, slots=True)
class PointsChange:
    """What matters of a movement: its time, its points, and whether the customer caused it."""

    at: datetime
    points: int
    is_activity: bool = True


@dataclass(frozen=True, slots=True)
class Loss:
    """Points, above 0, that expire at the beginning of `day`."""

    day: date
    points: int


def calculate_losses(changes: Iterable[PointsChange], rule: ExpiryRule, zone: ZoneInfo, until: date) -> list[Loss]:
    """What a customer loses by the rule up to and including the day `until`, oldest first.

    `changes` are all of the customer's movements in the reserve, in the order of their times, without those that this
    rule itself recorded. A balance below zero is a debt, which is paid from the next points given.
    """
    if until < rule.since:
        return []
    replay = {TRANSACTIONAL: _replay_transactional, INACTIVITY: _replay_inactivity}.get(rule.kind, _replay_yearly)
    return [loss for loss in replay(changes, rule, zone) if loss.points and loss.day <= until]


def _replay_transactional(changes: Iterable[PointsChange], rule: ExpiryRule, zone: ZoneInfo) -> Iterator[Loss]:
    lots: deque[Loss] = deque()
    debt = 0
    for change in changes:
        day = local_date(change.at, zone)
        while lots and lots[0].day <= day:
            yield lots.popleft()
        if change.points > 0:
            paid = min(debt, change.points)
            debt -= paid
            if change.points > paid:
                lots.append(Loss(rule.expiry_day(change.at, zone), change.points - paid))
            continue
        taken = -change.points
        while taken and lots:
            lot = lots.popleft()
            if lot.points > taken:
                lots.appendleft(Loss(lot.day, lot.points - taken))
            taken -= min(taken, lot.points)
        debt += taken
    yield from lots


def _replay_inactivity(changes: Iterable[PointsChange], rule: ExpiryRule, zone: ZoneInfo) -> Iterator[Loss]:
    points, expires_on = 0, date.max
    for change in changes:
        if points > 0 and expires_on <= local_date(change.at, zone):
            yield Loss(expires_on, points)
            points = 0
        if change.is_activity or points <= 0:
            expires_on = rule.expiry_day(change.at, zone)
        points += change.points
    if points > 0:
        yield Loss(expires_on, points)


def _replay_yearly(changes: Iterable[PointsChange], rule: ExpiryRule, zone: ZoneInfo) -> Iterator[Loss]:
    points, expires_on = 0, date.min
    for change in changes:
        day = local_date(change.at, zone)
        if points > 0 and expires_on <= day:
            yield Loss(expires_on, points)
            points = 0
        if expires_on <= day:
            expires_on = rule.next_expiry_day(day)
        points += change.points
    if points > 0:
        yield Loss(expires_on, points)
