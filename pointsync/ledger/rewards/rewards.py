"""Rewards: what customers can redeem the points of a reserve for. A request redeems at most once."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger import customers, draft_rules
from pointsync.ledger.holds.held_points import active_condition
from pointsync.ledger.mail_queue import REDEEM_KIND, REDEEMED_PREFIX
from pointsync.ledger.movement_row import COLUMNS, MovementRow
from pointsync.ledger.people.erased import lives
from pointsync.ledger.people.members import select_members
from pointsync.ledger.record import Draft, RecordResult, record_checked
from pointsync.ledger.rewards import common
from pointsync.models import Balance, Customer, Hold, Movement, Redemption, Reserve, Reward


@dataclass(frozen=True, slots=True)
class AffordableReward:
    """A reward that a customer can redeem now, with the customer's free points in its reserve."""

    reward: Reward
    reserve: Reserve
    points: int


def list_all(session: Session, reserve: Reserve) -> list[Reward]:
    """The rewards of a reserve, also inactive ones, the cheapest first."""
    query = select(Reward).where(Reward.reserve_id == reserve.id).order_by(Reward.cost, Reward.title)
    return list(session.scalars(query))


def get(session: Session, reserve: Reserve, reward_id: int) -> Reward:
    """The reserve's reward with this id. Raises NotFound."""
    return common.get(session, Reward, reserve, reward_id)


def get_reserve(session: Session, reward_id: int) -> Reserve:
    """The reserve of a reward. Raises NotFound."""
    reserve = session.scalar(
        select(Reserve).join(Reward, Reward.reserve_id == Reserve.id).where(Reward.id == reward_id)
    )
    if reserve is None:
        message = f"There is no reward {reward_id} here."
        raise NotFound("unknown_reward", message, {"reward": message})
    return reserve


def list_affordable(session: Session, customer: Customer, now: datetime) -> list[AffordableReward]:
    """The active rewards for which a customer has enough free points, by reserve, the cheapest first.

    Points that are held are not free.
    """
    held = (
        select(func.coalesce(func.sum(Hold.points), 0))
        .where(
            Hold.customer_id.in_(select_members([customer.id])), Hold.reserve_id == Reserve.id, active_condition(now)
        )
        .scalar_subquery()
    )
    points = func.coalesce(Balance.points, 0) - held
    is_same_balance = and_(Balance.customer_id == customer.id, Balance.reserve_id == Reserve.id)
    query = (
        select(Reward, Reserve, points)
        .join(Reserve, Reserve.id == Reward.reserve_id)
        .join(Balance, is_same_balance, isouter=True)
        .where(Reward.is_active, Reserve.is_active, or_(Reserve.may_go_below_zero, points >= Reward.cost))
        .order_by(Reserve.key, Reward.cost, Reward.title)
    )
    return [AffordableReward(reward, reserve, int(number)) for reward, reserve, number in session.execute(query)]


def create(session: Session, reserve: Reserve, title: str, description: str, cost: int, now: datetime) -> Reward:
    """Create a reward. Raises a DomainError for invalid values, Conflict if the title is in use."""
    texts = common.validate(title, description, cost, "cost")
    common.check_title_and_count(list_all(session, reserve), texts.title, reserve)
    reward = Reward(
        reserve_id=reserve.id,
        title=texts.title,
        description=texts.description,
        cost=cost,
        is_active=True,
        created_at=now,
    )
    session.add(reward)
    session.flush()
    return reward


def update(
    session: Session, reserve: Reserve, reward_id: int, title: str, description: str, cost: int, is_active: bool
) -> Reward:
    """Change a reward. Raises NotFound, Conflict, or a DomainError for invalid values."""
    reward = get(session, reserve, reward_id)
    texts = common.validate(title, description, cost, "cost")
    common.check_title_and_count(list_all(session, reserve), texts.title, reserve, reward.id)
    reward.title, reward.description = texts.title, texts.description
    reward.cost, reward.is_active = cost, is_active
    session.flush()
    return reward


def redeem(
    session: Session,
    reserve: Reserve,
    reward_id: int,
    customer: str,
    ref: str | None,
    source: str,
    now: datetime,
    *,
    expected_cost: int | None = None,
) -> RecordResult:
    """Redeem a reward for a customer, given by e-mail address: records a movement of kind `redeem`.

    If the same `source` repeats a `ref`, the result is `duplicate` and nothing changes, even if the reward costs
    something else now. `expected_cost` is the cost that was shown. Raises NotFound for the reward, InvalidInput if it
    is not active, Conflict (`ref_conflict`, `cost_changed`, `insufficient_points`), and what `record` raises.
    """
    reward = get(session, reserve, reward_id)
    reason = f"{REDEEMED_PREFIX}{reward.title}"
    draft = Draft(
        customer, -reward.cost, reserve=reserve.key, kind=REDEEM_KIND, reason=reason, ref=ref, is_entered=True
    )
    [checked] = draft_rules.validate(session, [draft], now)
    if ref and (existing := _find_redemption(session, source, ref)):
        movement, existing_reward_id = existing
        is_same_customer = movement.customer_id == customers.find_ids(session, [checked.email]).get(checked.email)
        is_same_customer = is_same_customer or lives.is_of_row(session, movement.address_id, checked.email)
        # A redemption that came back after a restore has only its reason left.
        content = (movement.kind, movement.reason)
        is_same_reward = existing_reward_id == reward.id or (
            existing_reward_id is None and content == (REDEEM_KIND, reason)
        )
        if not (is_same_customer and is_same_reward):
            message = f"The ref {ref} was already used for other content, as movement {movement.id}; use a new ref."
            raise Conflict("ref_conflict", message, {"ref": message})
        return RecordResult("duplicate", movement, checked.email, reserve.key)
    if not reward.is_active:
        message = f"The reward {reward.title} is not active; choose another one."
        raise InvalidInput("reward", message, "inactive_reward")
    if expected_cost not in (None, reward.cost):
        message = f"{reward.title} now costs {reward.cost:,} points, not {expected_cost:,}; check and confirm again."
        raise Conflict("cost_changed", message, {"reward": message})
    try:
        [result] = record_checked(session, [checked], source, now)
    except Conflict as error:
        if error.code == "insufficient_points":  # the caller has a field for the customer, but none for the points
            error.fields = {"customer": error.message}
        raise
    seq = session.scalars(
        select(Movement.seq).where(Movement.origin == result.movement.origin, Movement.id == result.movement.id)
    ).one()
    session.add(Redemption(movement_seq=seq, reward_id=reward.id))
    session.flush()
    return result


def _find_redemption(session: Session, source: str, ref: str) -> tuple[MovementRow, int | None] | None:
    """The movement with this ref and the reward's id; None for a new ref."""
    row = session.execute(
        select(*COLUMNS, Redemption.reward_id)
        .join(Customer, Customer.id == Movement.customer_id)
        .join(Redemption, Redemption.movement_seq == Movement.seq, isouter=True)
        .where(Movement.source == source, Movement.ref == ref)
    ).first()
    if row is None:
        return None
    *values, redeemed_id = row
    return MovementRow(**dict(zip([column.key for column in COLUMNS], values, strict=True))), redeemed_id
