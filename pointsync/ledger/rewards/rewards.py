"""Rewards: what the points of a reserve are redeemed for, each once per request."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from pointsync.email_address import normalise
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger import draft_rules
from pointsync.ledger.mail_queue import REDEEM_KIND, REDEEMED_PREFIX
from pointsync.ledger.record import Draft, RecordResult, record
from pointsync.ledger.rewards import common
from pointsync.models import Balance, Customer, Movement, Redemption, Reserve, Reward


@dataclass(frozen=True, slots=True)
class AffordableReward:
    """A reward that a customer can redeem now, and the points that the customer has in its reserve."""

    reward: Reward
    reserve: Reserve
    points: int


def list_all(session: Session, reserve: Reserve) -> list[Reward]:
    """The rewards of a reserve, inactive ones too; the cheapest first."""
    query = select(Reward).where(Reward.reserve_id == reserve.id).order_by(Reward.cost, Reward.title)
    return list(session.scalars(query))


def get(session: Session, reserve: Reserve, reward_id: int) -> Reward:
    """The reserve's reward of that id. Raises NotFound."""
    return common.get(session, Reward, reserve, reward_id)


def get_reserve(session: Session, reward_id: int) -> Reserve:
    """The points reserve that a reward belongs to. Raises NotFound."""
    reserve = session.scalar(
        select(Reserve).join(Reward, Reward.reserve_id == Reserve.id).where(Reward.id == reward_id)
    )
    if reserve is None:
        message = f"There is no reward {reward_id} here."
        raise NotFound("unknown_reward", message, {"reward": message})
    return reserve


def list_affordable(session: Session, customer: Customer) -> list[AffordableReward]:
    """What a customer can redeem now, by reserve, the cheapest first: active, and the points are there."""
    points = func.coalesce(Balance.points, 0)
    is_same_balance = and_(Balance.customer_id == customer.id, Balance.reserve_id == Reserve.id)
    query = (
        select(Reward, Reserve, points)
        .join(Reserve, Reserve.id == Reward.reserve_id)
        .join(Balance, is_same_balance, isouter=True)
        .where(Reward.is_active, Reserve.is_active, or_(Reserve.may_go_below_zero, points >= Reward.cost))
        .order_by(Reserve.key, Reward.cost, Reward.title)
    )
    return [AffordableReward(reward, reserve, number) for reward, reserve, number in session.execute(query)]


def create(session: Session, reserve: Reserve, title: str, description: str, cost: int, now: datetime) -> Reward:
    """A new reward, active at once. Raises Invalid for what cannot be, Conflict for a title that is taken."""
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
    """Change a reward; what was redeemed stays as it is. Raises NotFound, Invalid or Conflict."""
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
    """Redeem a reward for a customer, named by any spelling of the e-mail: a movement of kind `redeem`.

    The same `ref` of the same `source` again is a duplicate and changes nothing, whatever the reward costs by
    then. `shown_cost` is what somebody was told that it costs. Raises NotFound for the reward, Invalid for one
    that is not active and for what `record` calls so, Conflict (`ref_conflict`, `cost_changed`,
    `insufficient_points`).
    """
    reward = get(session, reserve, reward_id)
    reason = f"{REDEEMED_PREFIX}{reward.title}"
    draft = Draft(customer, -reward.cost, reserve=reserve.key, kind=REDEEM_KIND, reason=reason, ref=ref)
    draft_rules.validate(session, [draft], now)
    email = normalise(customer)
    if ref and (existing := _find_redemption(session, source, ref)):
        movement, existing_email, existing_reward_id = existing
        if (existing_email, existing_reward_id) != (email, reward.id):
            message = f"The ref {ref} was given before with another content, as movement {movement.id}; use a new ref."
            raise Conflict("ref_conflict", message, {"ref": message})
        return RecordResult("duplicate", movement, email, reserve.key)
    if not reward.is_active:
        message = f"The reward {reward.title} is not active; choose another one."
        raise InvalidInput("reward", message, "inactive_reward")
    if expected_cost not in (None, reward.cost):
        message = f"{reward.title} costs {reward.cost:,} points now, and not {expected_cost:,}; look again."
        raise Conflict("cost_changed", message, {"reward": message})
    try:
        [result] = record(session, [draft], source, now)
    except Conflict as error:
        if error.code == "insufficient_points":  # its field is a movement's points, which nobody has typed here
            error.fields = {"customer": error.message}
        raise
    seq = session.scalars(
        select(Movement.seq).where(Movement.origin == result.movement.origin, Movement.id == result.movement.id)
    ).one()
    session.add(Redemption(movement_seq=seq, reward_id=reward.id))
    session.flush()
    return result


def _find_redemption(session: Session, source: str, ref: str) -> tuple[Movement, str, int | None] | None:
    """The movement that this source has given this ref, whose it is, and for which reward; None for a new ref."""
    row = session.execute(
        select(Movement, Customer.email, Redemption.reward_id)
        .join(Customer, Customer.id == Movement.customer_id)
        .join(Redemption, Redemption.movement_seq == Movement.seq, isouter=True)
        .where(Movement.source == source, Movement.ref == ref)
    ).first()
    return None if row is None else (row[0], row[1], row[2])
