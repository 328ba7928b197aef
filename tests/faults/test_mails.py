"""Mails of a family of running sites with a mail server, and what the panels of both show."""

import re
from html import unescape
from pathlib import Path

import requests

from tests.support.family import Member, family, wait_in_step
from tests.support.mail_server import MailServer, mail_server, make_mail_server
from tests.support.panel_client import CSRF_FIELD
from tests.support.process import wait_until

__all__ = ["mail_server", "make_mail_server"]

ALICE = "alice@shop.example"
NAME, PASSWORD = "Ada", "correct horse battery"


def test_a_level_reached_on_two_sites_is_one_mail_and_both_panels_warn_when_both_send(
    tmp_path: Path, mail_server: MailServer
) -> None:
    with family(tmp_path, "a", "b", env={"POINTSYNC_SMTP_URL": mail_server.url()}) as members:
        a, b = members
        for member in members:
            member.site.cli("level", "add", "Silver", "100")
            member.site.cli("admin", "create", NAME, "--password-stdin", input=f"{PASSWORD}\n")
        send_mails_from(a)
        assert network_tab_text(a, b) == "Mails are sent from this site."
        assert network_tab_text(b, a) == "Mails are sent from a."
        a.record(ALICE, 60)
        b.record(ALICE, 30)
        assert wait_in_step(members, 30) == {ALICE: 90}
        b.record(ALICE, 20)
        assert wait_in_step(members, 30) == {ALICE: 110}
        wait_until(lambda: mail_server.box.to, 30, "the mail is in the box")
        assert [member.rows("SELECT count(*) FROM unlock") for member in members] == [[(1,)]] * 2

        send_mails_from(b)
        for member, other in ((a, b), (b, a)):
            assert f"2 sites send mails: this site and {other.name}." in network_tab_text(member, other)
        assert [member.rows("SELECT count(*) FROM mail WHERE state <> 'sent'") for member in members] == [[(0,)]] * 2
        assert [(mail["Subject"], mail["From"].addresses[0].addr_spec) for mail in mail_server.box.mails] == [
            ("You have reached Silver", "a@mugs.example")
        ]


def send_mails_from(member: Member) -> None:
    """Switch on the site's mails with commands."""
    member.site.cli("mail", "sender", f"{member.name}@mugs.example")
    member.site.cli("setting", "set", "send_mails", "on")


def network_tab_text(member: Member, other: Member) -> str:
    """What a site's Network tab says about mails after a ping of the other site."""
    assert member.site.cli("remote", "ping", str(member.remote_for(other)["id"]))["ping"]["ok"]
    with requests.Session() as browser:
        sign_in_page = browser.get(f"{member.site.url}/sign-in", timeout=30)
        token = CSRF_FIELD.search(sign_in_page.text)
        assert token
        answer = browser.post(
            sign_in_page.url, {"csrf_token": token[1], "name": NAME, "password": PASSWORD}, timeout=30
        )
        assert answer.ok
        page = browser.get(f"{member.site.url}/system/network", timeout=30).text
    [group] = re.findall(r'id="family-mails".*?</details>', page, re.DOTALL)
    text = " ".join(unescape(re.sub(r"<[^>]*>", " ", group)).split())
    return text.partition("last check of each site. ")[2].replace(" ,", ",").replace(" .", ".")
