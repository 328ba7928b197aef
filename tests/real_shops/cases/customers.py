"""Only who has shown that an address is theirs sees and spends its points."""

import re
from urllib.parse import parse_qs, urlsplit

from tests.real_shops.buyer import PASSWORD, SETTINGS
from tests.real_shops.visitor import Visitor
from tests.real_shops.world import World

PAGE = "/my-account/points/"
CONFIRM = "pointsync_send_link"


def _account(w: World, email: str, *, verified: bool = False) -> tuple[int, Visitor]:
    """An account with this address, signed in."""
    w.do("spending", set=SETTINGS)
    account = w.do("new_account", email=email, verified=verified)["id"]
    visitor = Visitor(w.shop.url)
    visitor.sign_in(email, PASSWORD)
    return account, visitor


def _sees_nothing(w: World, visitor: Visitor, points: int) -> None:
    """The account neither sees these points nor can spend them."""
    page = visitor.get(PAGE)
    assert CONFIRM in page
    assert "pointsync-number" not in page
    assert not points or f">{points}<" not in page
    visitor.store_add(w.mug)
    cart = visitor.store("GET", "/cart").json()
    assert cart["extensions"]["pointsync"]["state"] == "confirm", cart["extensions"]["pointsync"]
    assert visitor.store_use_points(100).status_code == 400
    assert "pointsync_nonce" not in visitor.get("/classic-cart/")
    cart = visitor.store("GET", "/cart").json()
    assert (cart["coupons"], cart["totals"]["total_discount"]) == ([], "0"), cart["totals"]
    visitor.store("DELETE", "/cart/items")


def _sees(visitor: Visitor, points: int) -> None:
    page = visitor.get(PAGE)
    assert f'pointsync-number">{points}<' in page, re.findall(r"pointsync-[^<]*<", page)


def _ask_for_link(w: World, visitor: Visitor, email: str) -> str:
    """The path of the link in the mail that the customer gets."""
    page = visitor.get(PAGE)
    nonce = re.search(r'name="_wpnonce" value="([^"]+)"', page)
    assert nonce, page[:2000]
    visitor.post(PAGE, _wpnonce=nonce.group(1), **{CONFIRM: "1"})
    mail = w.shop.mails()[-1]
    assert mail["to"] in (email, [email]), mail["to"]
    link = re.search(r'href="([^"]*pointsync-confirm=[^"]*)"', mail["message"])
    assert link, mail["message"]
    parts = urlsplit(link.group(1))
    return f"{parts.path}?{parts.query}"


def case_an_account_with_somebody_elses_address(w: World) -> None:
    victim, other = w.who("victim"), w.who("bystander")
    w.member.record(victim, 500)
    w.expect(victim, 500)
    account, attacker = _account(w, victim)
    w.do("settle")
    _sees_nothing(w, attacker, 500)
    link = _ask_for_link(w, attacker, victim)
    Visitor(w.shop.url).get(link)  # the owner of the address opens it, and is not signed in
    _, bystander = _account(w, other)
    bystander.get(link)  # or is signed in to their own account
    assert w.do("verified", id=account)["address"] is None
    _sees_nothing(w, attacker, 500)
    token = parse_qs(urlsplit(link).query)["pointsync-confirm"][0]
    bystander.get(f"{PAGE}?pointsync-confirm={token[::-1]}")
    _sees_nothing(w, bystander, 0)


def case_the_link_works_once(w: World) -> None:
    email = w.who("link")
    w.member.record(email, 120)
    w.expect(email, 120)
    account, visitor = _account(w, email)
    w.do("settle")
    link = _ask_for_link(w, visitor, email)
    visitor.get(link)
    assert w.do("verified", id=account)["address"] == email
    w.do("settle", queue=True)
    _sees(visitor, 120)
    w.do("account_email", id=account, email=w.who("next"))
    visitor.get(link)
    assert w.do("verified", id=account)["address"] is None


def case_an_account_changed_to_somebody_elses_address(w: World) -> None:
    own, victim = w.who("own"), w.who("victim")
    w.member.record(own, 50)
    w.member.record(victim, 500)
    w.expect(own, 50)
    w.expect(victim, 500)
    account, visitor = _account(w, own, verified=True)
    w.do("settle")
    _sees(visitor, 50)
    visitor.store_add(w.mug)
    assert visitor.store_use_points(50).json()["extensions"]["pointsync"]["used"] == 50
    w.do("account_email", id=account, email=victim)
    cart = visitor.store("GET", "/cart").json()
    assert (cart["coupons"], cart["totals"]["total_discount"]) == ([], "0"), cart["totals"]
    visitor.store("DELETE", "/cart/items")
    _sees_nothing(w, visitor, 500)
    w.do("settle")
    w.do("account_email", id=account, email=own)
    _sees(visitor, 50)


def case_a_changed_address_is_verified_and_takes_the_points_along(w: World) -> None:
    before, after = w.who("before"), w.who("after")
    w.member.record(before, 75)
    account, visitor = _account(w, before, verified=True)
    w.do("settle")
    w.do("account_email", id=account, email=after)
    _sees_nothing(w, visitor, 75)
    visitor.get(_ask_for_link(w, visitor, after))
    w.do("settle", queue=True)
    w.wait_points(after, 75)
    w.wait_points(before, 75)  # the old address finds the same customer
    w.forget()
    w.expect(after, 75)
    _sees(visitor, 75)


def case_a_changed_address_that_belongs_to_another_customer(w: World) -> None:
    before, after = w.who("before"), w.who("after")
    w.member.record(before, 75)
    w.member.record(after, 30)
    w.expect(before, 75)
    w.expect(after, 30)
    account, visitor = _account(w, before, verified=True)
    w.do("account_email", id=account, email=after)
    visitor.get(_ask_for_link(w, visitor, after))
    w.do("settle", queue=True)
    assert before in w.do("rename_notice")["html"]
    _sees(visitor, 30)


def case_an_old_address_that_another_account_has_now(w: World) -> None:
    shared, after = w.who("shared"), w.who("moved")
    first, visitor = _account(w, shared, verified=True)
    w.do("account_email", id=first, email=after)
    _account(w, shared, verified=True)
    w.member.record(shared, 60)
    w.expect(shared, 60)
    visitor.get(_ask_for_link(w, visitor, after))
    w.do("settle", queue=True)
    w.expect(after, 0)
    _sees(visitor, 0)


def case_a_password_set_with_a_mailed_link(w: World) -> None:
    email = w.who("password")
    w.member.record(email, 40)
    w.expect(email, 40)
    account, visitor = _account(w, email)
    w.do("settle")
    visitor.session.cookies.clear()
    page = visitor.get("/my-account/lost-password/")
    nonce = re.search(r'name="woocommerce-lost-password-nonce" value="([^"]+)"', page)
    assert nonce
    fields = {"woocommerce-lost-password-nonce": nonce.group(1), "wc_reset_password": "true", "user_login": email}
    visitor.post("/my-account/lost-password/", **fields)
    link = re.search(r'href="([^"]*lost-password[^"]*key=[^"]*)"', w.shop.mails()[-1]["message"])
    assert link, w.shop.mails()[-1]
    assert w.do("verified", id=account)["address"] is None
    page = visitor.get(link.group(1).replace("&#038;", "&").replace("&amp;", "&"))
    fields = dict(re.findall(r'<input type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page))
    visitor.post("/my-account/lost-password/", password_1="a-New-Pass-2", password_2="a-New-Pass-2", **fields)
    assert w.do("verified", id=account)["address"] == email
    w.do("settle", queue=True)
    visitor.session.cookies.clear()
    visitor.sign_in(email, "a-New-Pass-2")
    _sees(visitor, 40)


def case_a_change_in_the_profile_counts_once(w: World) -> None:
    email = w.who("profile")
    account = w.do("new_account", email=email)["id"]
    fields = {"points": "25", "reason": "For the broken cup", "ref": "0123456789abcdef01234567"}
    assert w.do("profile", id=account, **fields) == []
    assert w.do("profile", id=account, **fields) == []
    w.wait_points(email, 25)
    assert "reason" in w.do("profile", id=account, **{**fields, "reason": "", "ref": "1" * 24})[0]
    assert "whole number" in w.do("profile", id=account, **{**fields, "points": "2.5", "ref": "2" * 24})[0]
    w.wait_points(email, 25)
