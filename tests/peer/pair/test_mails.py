"""Two sites, one with mails on: what happens on either is told to the customer once."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from pointsync import clock, db
from pointsync.ledger import reserves
from pointsync.ledger.rewards import levels, rewards
from pointsync.mail import sender
from pointsync.models import Mail, Unlock
from pointsync.runtime import runtime
from pointsync.schedule import ticks
from pointsync.sync.remotes import network
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, Caller
from tests.support.mail_server import Post, make_post, post

__all__ = ["make_post", "post"]

Pair = tuple[PeerSite, PeerSite]


def send_mails_from(site: PeerSite, post: Post) -> None:
    """Give the site a mail server and a sender, and switch its mails on."""
    with site.app.app_context():
        runtime().config = replace(runtime().config, smtp_url=post.url())
        config = runtime().config
    site.write(lambda session: sender.change(session, config, f"{site.name}@mugs.example", ""))
    site.write(lambda session: sender.switch(session, config, "on"))


def send_mails(*sites: PeerSite) -> None:
    for site in sites:
        with site.app.app_context():
            ticks.send_mails()
            db.db.session.remove()


def test_a_level_that_movements_of_both_reach_is_one_mail(pair: Pair, post: Post) -> None:
    a, b = pair
    to_b, _ = a.list_site(b)
    to_a, _ = b.list_site(a)
    for site in pair:
        site.write(
            lambda session: levels.add(session, reserves.get(session, "default"), "Silver", "", 100, clock.now())
        )
        with site.app.app_context():
            ticks.unlock_levels()
    send_mails_from(b, post)
    a.record(ALICE, 60)
    b.record(ALICE, 30)
    a.deliver(to_b)
    b.deliver(to_a)
    a.record(ALICE, 20)
    for _ in range(2):
        a.deliver(to_b)
        b.deliver(to_a)
        send_mails(a, b)
    assert [len(site.read(lambda session: session.scalars(select(Unlock)).all())) for site in pair] == [1, 1]
    assert post.box.to == [ALICE]
    assert post.box.mails[0]["Subject"] == "You have reached Silver"
    assert a.read(lambda session: session.scalars(select(Mail)).all()) == []


def test_a_reward_redeemed_at_the_other_site_is_one_mail(pair: Pair, post: Post) -> None:
    a, b = pair
    to_b, _ = a.list_site(b)
    send_mails_from(b, post)

    def redeem(session) -> None:
        default = reserves.get(session, "default")
        reward = rewards.add(session, default, "A <mug>", "", 50, clock.now())
        rewards.redeem(session, default, reward.id, ALICE, "r1", "test", clock.now())

    a.record(ALICE, 60)
    a.write(redeem)
    for _ in range(2):
        a.deliver(to_b)
        send_mails(a, b)
    assert post.box.to == [ALICE]
    assert post.box.mails[0]["Subject"] == "Your reward: A <mug>"


def test_two_sites_with_mails_on_know_of_each_other(pair: Pair, post: Post) -> None:
    a, b = pair
    lines = {site.name: site.list_site(other)[0] for site, other in ((a, b), (b, a))}

    def mailing(site: PeerSite) -> list[str]:
        site.check(lines[site.name])
        with site.app.app_context():
            config = runtime().config
        found = site.read(lambda session: network.read(session, config, clock.now()))
        assert found.not_telling == ()
        return [each.name for each in found.mailing]

    assert [mailing(site) for site in pair] == [[], []]
    send_mails_from(a, post)
    assert [mailing(site) for site in pair] == [["a"], ["a"]]
    send_mails_from(b, post)
    assert [mailing(site) for site in pair] == [["a", "b"], ["b", "a"]]


@pytest.mark.parametrize("is_on", [False, True])
def test_a_ping_tells_the_truth(site: PeerSite, caller: Caller, post: Post, is_on: bool) -> None:
    if is_on:
        send_mails_from(site, post)
    assert caller.ping().json["sends_mails"] is is_on
