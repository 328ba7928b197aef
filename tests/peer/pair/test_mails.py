"""Two sites, one of which sends mails: the customer gets one mail, whichever site an event happens on."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from pointsync import clock, db
from pointsync.ledger import reserves
from pointsync.ledger.rewards import levels, rewards
from pointsync.mail import sender
from pointsync.models import LevelUnlock, Mail
from pointsync.runtime import get_runtime
from pointsync.schedule import ticks
from pointsync.sync.remotes import network
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, SignedCaller
from tests.support.mail_server import MailServer, mail_server, make_mail_server

__all__ = ["mail_server", "make_mail_server"]

Pair = tuple[PeerSite, PeerSite]


def send_mails_from(site: PeerSite, server: MailServer) -> None:
    """Give the site a mail server and a sender address, and switch its mails on."""
    with site.app.app_context():
        get_runtime().config = replace(get_runtime().config, smtp_url=server.url())
        config = get_runtime().config
    site.write(lambda session: sender.change(session, config, f"{site.name}@mugs.example", ""))
    site.write(lambda session: sender.set_enabled(session, config, "on"))


def send_mails(*sites: PeerSite) -> None:
    for site in sites:
        with site.app.app_context():
            ticks.send_mails()
            db.session.remove()


def test_a_level_reached_with_movements_of_both_sites_is_one_mail(pair: Pair, mail_server: MailServer) -> None:
    a, b = pair
    to_b, _ = a.list_site(b)
    to_a, _ = b.list_site(a)
    for site in pair:
        site.write(
            lambda session: levels.create(session, reserves.get(session, "default"), "Silver", "", 100, clock.now())
        )
        with site.app.app_context():
            ticks.unlock_levels()
    send_mails_from(b, mail_server)
    a.record(ALICE, 60)
    b.record(ALICE, 30)
    a.deliver(to_b)
    b.deliver(to_a)
    a.record(ALICE, 20)
    for _ in range(2):
        a.deliver(to_b)
        b.deliver(to_a)
        send_mails(a, b)
    assert [len(site.read(lambda session: session.scalars(select(LevelUnlock)).all())) for site in pair] == [1, 1]
    assert mail_server.box.to == [ALICE]
    assert mail_server.box.mails[0]["Subject"] == "You have reached Silver"
    assert a.read(lambda session: session.scalars(select(Mail)).all()) == []


def test_a_reward_redeemed_at_the_other_site_is_one_mail(pair: Pair, mail_server: MailServer) -> None:
    a, b = pair
    to_b, _ = a.list_site(b)
    send_mails_from(b, mail_server)

    def redeem(session) -> None:
        default = reserves.get(session, "default")
        reward = rewards.create(session, default, "A <mug>", "", 50, clock.now())
        rewards.redeem(session, default, reward.id, ALICE, "r1", "test", clock.now())

    a.record(ALICE, 60)
    a.write(redeem)
    for _ in range(2):
        a.deliver(to_b)
        send_mails(a, b)
    assert mail_server.box.to == [ALICE]
    assert mail_server.box.mails[0]["Subject"] == "Your reward: A <mug>"


def test_two_sites_that_send_mails_see_each_other(pair: Pair, mail_server: MailServer) -> None:
    a, b = pair
    remote_ids = {site.name: site.list_site(other)[0] for site, other in ((a, b), (b, a))}

    def mail_sender_names(site: PeerSite) -> list[str]:
        site.check(remote_ids[site.name])
        with site.app.app_context():
            config = get_runtime().config
        family = site.read(lambda session: network.read(session, config, clock.now()))
        assert family.unknown_mail_senders == ()
        return [each.name for each in family.mail_senders]

    assert [mail_sender_names(site) for site in pair] == [[], []]
    send_mails_from(a, mail_server)
    assert [mail_sender_names(site) for site in pair] == [["a"], ["a"]]
    send_mails_from(b, mail_server)
    assert [mail_sender_names(site) for site in pair] == [["a", "b"], ["b", "a"]]


@pytest.mark.parametrize("is_on", [False, True])
def test_a_ping_says_whether_the_site_sends_mails(
    site: PeerSite, caller: SignedCaller, mail_server: MailServer, is_on: bool
) -> None:
    if is_on:
        send_mails_from(site, mail_server)
    assert caller.ping().json["sends_mails"] is is_on
