"""Mails of a family as its customers and admins have them: running sites, a mail server, and the pages of both."""

import re
from html import unescape
from pathlib import Path

import requests

from tests.support.family import Member, family, wait_in_step
from tests.support.mail_server import Post, make_post, post
from tests.support.panel_client import TOKEN
from tests.support.process import wait_until

__all__ = ["make_post", "post"]

ALICE = "alice@shop.example"
NAME, PASSWORD = "Ada", "correct horse battery"


def test_a_level_reached_by_both_is_one_mail_and_both_say_when_both_send(tmp_path: Path, post: Post) -> None:
    with family(tmp_path, "a", "b", env={"POINTSYNC_SMTP_URL": post.url()}) as members:
        a, b = members
        for member in members:
            member.site.cli("level", "add", "Silver", "100")
            member.site.cli("admin", "create", NAME, "--password-stdin", input=f"{PASSWORD}\n")
        send_mails_from(a)
        assert said(a, b) == "Mails go out from this site."
        assert said(b, a) == "Mails go out from a."
        a.record(ALICE, 60)
        b.record(ALICE, 30)
        assert wait_in_step(members, 30) == {ALICE: 90}
        b.record(ALICE, 20)
        assert wait_in_step(members, 30) == {ALICE: 110}
        wait_until(lambda: post.box.to, 30, "the mail is in the box")
        assert [member.rows("SELECT count(*) FROM unlock") for member in members] == [[(1,)]] * 2

        send_mails_from(b)
        for here, other in ((a, b), (b, a)):
            assert f"2 sites send mails: this site and {other.name}." in said(here, other)
        assert [member.rows("SELECT count(*) FROM mail WHERE state <> 'sent'") for member in members] == [[(0,)]] * 2
        assert [(mail["Subject"], mail["From"].addresses[0].addr_spec) for mail in post.box.mails] == [
            ("You have reached Silver", "a@mugs.example")
        ]


def send_mails_from(member: Member) -> None:
    """As its admin does it by command."""
    member.site.cli("mail", "sender", f"{member.name}@mugs.example")
    member.site.cli("setting", "set", "send_mails", "on")


def said(here: Member, other: Member) -> str:
    """What the Network tab of one says of mails, once it has asked the other."""
    assert here.site.cli("remote", "ping", str(here.line_for(other)["id"]))["ping"]["ok"]
    with requests.Session() as browser:
        door = browser.get(f"{here.site.url}/sign-in", timeout=30)
        token = TOKEN.search(door.text)
        assert token
        answer = browser.post(door.url, {"csrf_token": token[1], "name": NAME, "password": PASSWORD}, timeout=30)
        assert answer.ok
        page = browser.get(f"{here.site.url}/system/network", timeout=30).text
    [group] = re.findall(r'id="family-mails".*?</details>', page, re.DOTALL)
    words = " ".join(unescape(re.sub(r"<[^>]*>", " ", group)).split())
    return words.partition("when they were last asked. ")[2].replace(" ,", ",").replace(" .", ".")
