"""A WooRewards shop whose other plugins, cache or proxy change what it answers."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.peer.signed_caller import ALICE
from tests.peer.woorewards_remote import WooRewardsRemote
from tests.support.woorewards_receiver import Reply

NOTICE = "<br />\n<b>Notice</b>:  Undefined variable: {x} in <b>/srv/a.php</b> on line <b>3</b><br />\n"
FATAL = "<br />\n<b>Fatal error</b>:  Allowed memory size in <b>/srv/a.php</b> on line <b>3</b><br />\n"
PAGE = "<!doctype html><html><body>Sign in</body></html>"

Change = Callable[[Reply], Reply]


def change_replies(remote: WooRewardsRemote, change: Change) -> None:
    answer = remote.shop.answer

    def changed(*args: Any) -> Reply | None:
        reply = answer(*args)
        return reply and change(reply)

    remote.shop.answer = changed  # type: ignore[method-assign]


def wrapped(before: str, after: str) -> Change:
    """JSON with text around it. Other answers stay as they are."""

    def change(reply: Reply) -> Reply:
        is_json = isinstance(reply.payload, dict)
        return Reply(reply.status, before + json.dumps(reply.payload) + after) if is_json else reply

    return change


@pytest.mark.parametrize(
    ("before", "after"),
    [("\ufeff", ""), (NOTICE, ""), ("", "\n<!-- Page cached by Fast Cache -->"), (f"\ufeff{NOTICE}", "<!-- x -->")],
)
def test_what_is_printed_around_an_answer_is_ignored(woo_remote: WooRewardsRemote, before: str, after: str) -> None:
    shop = woo_remote.shop
    change_replies(woo_remote, wrapped(before, after))
    assert woo_remote.site.check(woo_remote.remote_id).is_ok
    movement_id = woo_remote.record(ALICE, 5)
    woo_remote.deliver()
    assert woo_remote.delivery_summary(movement_id)[0] == "delivered"
    assert shop.balance(ALICE) == 5
    unknown_id = woo_remote.record("nobody@shop.example", 5)
    woo_remote.deliver()
    assert woo_remote.delivery_summary(unknown_id)[::2] == ("unknown", "e404")
    shop.password = "wrs_another0another"
    assert woo_remote.site.check(woo_remote.remote_id).code == "bad_credentials"


@pytest.mark.parametrize("status", [401, 407, 408, 421])
def test_a_page_instead_of_an_error_says_nothing_about_the_credentials(
    woo_remote: WooRewardsRemote, status: int
) -> None:
    movement_id = woo_remote.record(ALICE, 5)
    answer = woo_remote.shop.answer
    change_replies(woo_remote, lambda reply: Reply(status, PAGE))
    result = woo_remote.site.check(woo_remote.remote_id)
    assert (result.code, result.is_permanent) == ("bad_answer", False)
    assert "Pass" not in result.message
    woo_remote.deliver()
    assert woo_remote.status == "warning"
    woo_remote.shop.answer = answer  # type: ignore[method-assign]
    woo_remote.wait_and_deliver()
    assert woo_remote.delivery_summary(movement_id)[0] == "delivered"
    assert woo_remote.shop.balance(ALICE) == 5


def test_a_firewall_is_no_refusal_of_the_pass(woo_remote: WooRewardsRemote) -> None:
    change_replies(woo_remote, lambda reply: Reply(403, PAGE))
    woo_remote.record(ALICE, 5)
    woo_remote.deliver()
    assert woo_remote.site.remote(woo_remote.remote_id).attempt_code == "not_a_site"
    assert "firewall" in woo_remote.site.remote_json(woo_remote.remote_id)["status_text"]


@pytest.mark.parametrize(("page", "shown"), [(FATAL, "PHP error"), (PAGE, "a web page"), ("", "an empty answer")])
def test_an_answer_without_data_is_called_what_it_is(woo_remote: WooRewardsRemote, page: str, shown: str) -> None:
    movement_id = woo_remote.record(ALICE, 5)
    change_replies(woo_remote, lambda reply: Reply(200, page))
    woo_remote.deliver()
    assert woo_remote.delivery_summary(movement_id)[:2] == ("pending", 1)
    assert shown in str(woo_remote.site.delivery(movement_id).message)
    result = woo_remote.site.check(woo_remote.remote_id)
    assert shown in result.message
    assert (result.code, result.is_permanent) == (("not_a_site", True) if page == PAGE else ("bad_answer", False))


def test_an_answer_about_another_movement_is_still_ignored(woo_remote: WooRewardsRemote) -> None:
    movement_id = woo_remote.record(ALICE, 5)
    woo_remote.shop.wrong_transaction_id = True
    change_replies(woo_remote, wrapped(NOTICE, ""))
    woo_remote.deliver()
    assert woo_remote.delivery_summary(movement_id)[0] == "pending"
