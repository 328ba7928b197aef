"""How fetching back begins and ends, and what does not happen until then."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Conflict, InvalidInput, NotFound, TryLater
from pointsync.ledger import mail_queue
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.fetch_back import state
from pointsync.ledger.rewards import levels, rewards
from pointsync.models import Delivery, Level, LevelUnlock, Mail, Remote, Setting, Site
from pointsync.schedule import ticks
from pointsync.sync.fetch_back import progress, run
from pointsync.sync.remotes import remotes
from tests.support.apps import get_reserve
from tests.support.moving_clock import START
from tests.support.remote_rows import ANNA, AUTH, add_remote
from tests.sync.fetch_back.returns import (
    SHOP,
    add_remotes,
    begin,
    give_back,
    lost,
    record_returned,
    repeat,
)

DAY = timedelta(days=1)


@pytest.fixture
def remote_ids(app: object) -> list[int]:
    """Two remotes."""
    return add_remotes()


def incomplete() -> list[int]:
    with db.transaction() as session:
        return run.list_incomplete(session)


def is_running() -> bool:
    with db.transaction() as session:
        return state.is_running(session)


def continue_without(*remote_ids: int) -> None:
    with db.transaction() as session:
        run.continue_without(session, remote_ids, START)


class TestCourse:
    def test_without_remotes_it_ends_at_once(self, app):
        begin()
        assert record_returned()
        assert not is_running()

    def test_woorewards_shops_and_deleted_remotes_are_not_waited_for(self, remote_ids):
        shop = add_remote("wrk_00000000000000ff", target_reserve="shop")
        with db.transaction() as session:
            session.get_one(Remote, shop).dialect = "woorewards"
            remotes.delete(session, session.get_one(Remote, remote_ids[1]), START)
        begin()
        assert incomplete() == remote_ids[:1]

    def test_a_woorewards_shop_may_have_received_what_waits(self, app):
        shop = add_remote(AUTH)
        with db.transaction() as session:
            session.get_one(Remote, shop).dialect = "woorewards"
        repeat(1)
        begin()
        with db.transaction() as session:
            assert session.scalars(select(Delivery.called_at)).all() == [START]

    def test_a_remote_that_is_added_meanwhile_takes_part(self, remote_ids):
        begin()
        for remote_id in remote_ids:
            give_back(remote_id)
        added = add_remote(AUTH)
        assert incomplete() == [added]
        assert not record_returned()

    def test_continuing_without_a_remote(self, remote_ids):
        begin()
        give_back(remote_ids[0])
        continue_without(remote_ids[1])
        assert record_returned()
        with db.transaction() as session:
            shown = progress.read(session)
            assert [each.state for each in shown.remotes] == ["complete", "skipped"]
            assert list(session.scalars(run.RemoteFetch.select_unfetched())) == [remote_ids[1]]
        give_back(remote_ids[1])
        assert record_returned()
        with db.transaction() as session:
            assert session.scalars(run.RemoteFetch.select_unfetched()).all() == []

    def test_what_cannot_be_continued_without(self, remote_ids):
        with pytest.raises(Conflict, match="does not fetch"):
            continue_without(remote_ids[0])
        begin()
        give_back(remote_ids[0])
        for error, named in ((Conflict, remote_ids), (NotFound, [99]), (InvalidInput, [])):
            with pytest.raises(error):
                continue_without(*named)
        assert incomplete() == remote_ids[1:]

    def test_an_open_one_ends_when_an_admin_says_that_all_are_listed(self, app):
        begin(is_open=True)
        assert not record_returned()
        added = add_remote(AUTH)
        assert incomplete() == [added]
        give_back_after_adding(added)
        assert not record_returned()
        with db.transaction() as session:
            run.close(session)
        assert record_returned()
        with db.transaction() as session, pytest.raises(Conflict, match="does not fetch"):
            run.close(session)

    def test_only_an_open_one_is_closed(self, remote_ids):
        begin()
        with db.transaction() as session, pytest.raises(Conflict, match="by itself"):
            run.close(session)

    def test_beginning_again_forgets_the_last_one(self, remote_ids):
        begin()
        give_back(remote_ids[0], lost(1, is_altered=True))
        give_back(remote_ids[1])
        assert record_returned()
        begin()
        assert incomplete() == remote_ids
        with db.transaction() as session:
            shown = progress.read(session)
            assert (shown.running, shown.decisions, shown.to_record) == (True, 0, 0)


def give_back_after_adding(remote_id: int) -> None:
    with db.transaction() as session:
        run.add_missing(session, START)
    give_back(remote_id, lost(1))


class TestLevelsAndMails:
    @pytest.fixture(autouse=True)
    def silver(self, remote_ids: list[int]) -> None:
        with db.transaction() as session:
            reserve = get_reserve(session)
            level = levels.create(session, reserve, "Silver", "", 100, START)
            level.next_customer_id = None
            rewards.create(session, reserve, "Mug", "", 5, START)
            Setting.write(session, mail_queue.ENABLED_SETTING, "1")

    def receive(self, number: int, points: int, **fields: object) -> None:
        with db.transaction() as session:
            movement = IncomingMovement(str(number), ANNA, points, at=START, **fields)  # type: ignore[arg-type]
            apply(session, AUTH, get_reserve(session), [movement], START)

    def test_no_level_and_no_mail_until_it_ends(self, remote_ids):
        begin()
        self.receive(1, 150)
        self.receive(2, -5, kind="redeem", reason="Redeemed: Mug")
        for remote_id in remote_ids:
            give_back(remote_id, lost(1, -100, kind="spend"))
        with db.transaction() as session:
            assert session.scalars(select(LevelUnlock)).all() == []
            assert levels.list_unfinished(session) == []
        assert record_returned()
        with db.transaction() as session:
            assert session.scalars(select(LevelUnlock)).all() == [], "the balance is 45"
            [level_id] = levels.list_unfinished(session)
            while levels.process_batch(session, level_id, START):
                pass
            assert session.scalars(select(LevelUnlock)).all() == []
        self.receive(3, 60)
        with db.transaction() as session:
            assert len(session.scalars(select(LevelUnlock)).all()) == 1

    def test_movements_from_before_the_restore_cause_no_mail(self, remote_ids):
        """They may have caused it before."""
        begin()
        for remote_id in remote_ids:
            give_back(remote_id)
        assert record_returned()
        with db.transaction() as session:
            session.get_one(Site, 1).restored_at = START + timedelta(minutes=1)
        self.receive(1, 150)
        self.receive(2, -5, kind="redeem", reason="Redeemed: Mug")
        with db.transaction() as session:
            assert session.scalars(select(Mail)).all() == []
            session.get_one(Site, 1).restored_at = START - timedelta(minutes=1)
        self.receive(3, -5, kind="redeem", reason="Redeemed: Mug")
        with db.transaction() as session:
            assert [mail.kind for mail in session.scalars(select(Mail))] == ["reward"]

    def test_waiting_mails_were_sent_before(self, remote_ids):
        self.receive(1, 150)
        with db.transaction() as session:
            assert [mail.state for mail in session.scalars(select(Mail))] == ["waiting"]
        begin()
        with db.transaction() as session:
            [mail] = session.scalars(select(Mail)).all()
            assert (mail.state, mail.message) == (
                "dropped",
                "Dropped: the database was restored, and the mail may have been sent before.",
            )

    def test_the_jobs_wait(self, remote_ids):
        begin()
        with db.transaction() as session:
            session.scalars(select(Level)).one().next_customer_id = 1
        for tick in (ticks.expire_points, ticks.unlock_levels, ticks.send_mails, ticks.queue_expiry_notices):
            tick()
        with db.transaction() as session:
            assert session.scalars(select(Level)).one().next_customer_id == 1

    def test_a_redemption_that_came_back_is_recognised(self, remote_ids):
        begin()
        redemption = lost(1, -5, kind="redeem", reason="Redeemed: Mug")
        for remote_id in remote_ids:
            give_back(remote_id, redemption)
        with pytest.raises(TryLater):
            self.redeem("order-1")
        assert record_returned()
        assert self.redeem("order-1") == ("duplicate", str(redemption.id))
        with db.transaction() as session:
            rewards.create(session, get_reserve(session), "Cup", "", 5, START)
        with pytest.raises(Conflict, match="other content"):
            self.redeem("order-1", reward_id=2)

    def redeem(self, ref: str, reward_id: int = 1) -> tuple[str, str]:
        with db.transaction() as session:
            result = rewards.redeem(session, get_reserve(session), reward_id, ANNA, ref, SHOP, START)
            return result.status, result.movement.id


def test_a_refusal_records_nothing(remote_ids):
    repeat(1, 10, source=SHOP)
    begin()
    for fields in ({"number": 2, "points": 5}, {"number": 3, "points": -5}):
        with pytest.raises(TryLater):
            repeat(source=SHOP, **fields)
    assert repeat(1, 10, source=SHOP).status == "duplicate"
    with db.transaction() as session:
        state.finish(session)
    assert repeat(2, 5, source=SHOP).status == "recorded"
