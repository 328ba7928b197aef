"""*What an order is worth*: each step of an order's life is right in PointSync at once."""

from typing import Any

from tests.real_shops.world import World


def _completed(w: World, name: str, points: int, items: Any, **more: Any) -> None:
    """An order that is created and completed."""
    email = w.who(name)
    order = w.order(email, items, **more)
    w.check(email, [order], 0)
    w.do("status", id=order, status="completed")
    w.check(email, [order], points)


def case_tax(w: World) -> None:
    _completed(w, "tax", 39, [[w.tea, 2]])  # 39.98 + 19 %


def case_prices_with_tax(w: World) -> None:
    _completed(w, "gross", 100, [[w.book, 1]], incl=True)
    _completed(w, "gross-shipping", 100, [[w.book, 1]], incl=True, shipping="5.90", shipping_tax=True)


def case_shipping(w: World) -> None:
    _completed(w, "shipping", 50, [[w.mug, 1]], shipping="7.90")
    _completed(w, "shipping-taxed", 19, [[w.tea, 1]], shipping="7.90", shipping_tax=True)


def case_coupons(w: World) -> None:
    _completed(w, "percent", 90, [[w.mug, 2]], coupons=["tenth" + w.run])
    _completed(w, "fixed", 45, [[w.mug, 1]], coupons=["five" + w.run], shipping="4")
    _completed(w, "taxed", 35, [[w.tea, 2]], coupons=["tenth" + w.run])
    _completed(w, "gross", 90, [[w.book, 1]], incl=True, coupons=["tenth" + w.run])
    _completed(w, "free", 0, [[w.mug, 1]], coupons=["all" + w.run])


def case_coupon_added_later(w: World) -> None:
    email = w.who("later")
    order = w.order(email, [[w.mug, 2]], status="completed")
    w.check(email, [order], 100)
    w.do("apply_coupon", id=order, code="tenth" + w.run)
    w.check(email, [order], 90)


def case_fees(w: World) -> None:
    _completed(w, "fee", 53, [[w.mug, 1]], fees=[["3.50", False]])
    _completed(w, "taxed", 22, [[w.tea, 1]], fees=[["2.50", True]])
    _completed(w, "negative", 45, [[w.mug, 1]], fees=[["-4.50", False]])
    _completed(w, "negative-taxed", 29, [[w.tea, 2]], fees=[["-10", True]], shipping="5", shipping_tax=True)


def case_gift_cards(w: World) -> None:
    _completed(w, "gift", 63, [[w.mug, 2]], shipping="10", gift=40)  # 100 * 70 / 110
    _completed(w, "taxed", 23, [[w.tea, 2]], gift=20)
    _completed(w, "whole", 0, [[w.mug, 1]], gift=50)


def case_gift_card_refunded(w: World) -> None:
    email = w.who("gift-refund")
    order = w.order(email, [[w.mug, 2]], gift=40, status="completed")
    w.check(email, [order], 60)
    w.do("refund", id=order, amount="30")
    w.check(email, [order], 30)


def case_refunds_without_lines(w: World) -> None:
    email = w.who("refund")
    order = w.order(email, [[w.mug, 2]], status="completed")
    for amount, points in (("30", 70), ("33.33", 36), ("36.67", 0)):
        w.do("refund", id=order, amount=amount)
        w.check(email, [order], points)


def case_refund_with_shipping(w: World) -> None:
    email = w.who("refund-shipping")
    order = w.order(email, [[w.mug, 2]], shipping="10", status="completed")
    w.do("refund", id=order, amount="55")
    w.check(email, [order], 50)


def case_refunds_of_lines(w: World) -> None:
    email = w.who("refund-lines")
    order = w.order(email, [[w.mug, 1], [w.cup, 2]], shipping="8", status="completed")
    w.check(email, [order], 116)
    w.do("refund", id=order, amount="50", lines=[["line_item", 0, 1, "50"]])
    w.check(email, [order], 66)
    w.do("refund", id=order, amount="33.33", lines=[["line_item", 1, 1, "33.33"]])
    w.check(email, [order], 33)
    w.do("refund", id=order, amount="10")
    w.check(email, [order], 25)  # 33.33 * (41.33 - 10) / 41.33


def case_refunds_with_tax(w: World) -> None:
    email = w.who("refund-tax")
    order = w.order(email, [[w.tea, 2]], shipping="5", status="completed")
    w.do("refund", id=order, amount="23.79", lines=[["line_item", 0, 1, "19.99", "3.80"]])
    w.check(email, [order], 19)
    email = w.who("refund-tax-total")
    order = w.order(email, [[w.tea, 2]], status="completed")
    w.do("refund", id=order, amount="23.79")
    w.check(email, [order], 19)


def case_refund_of_shipping_only(w: World) -> None:
    email = w.who("refund-of-shipping")
    order = w.order(email, [[w.mug, 1]], shipping="7.90", status="completed")
    w.do("refund", id=order, amount="7.90", lines=[["shipping", 0, 0, "7.90"]])
    w.check(email, [order], 50)


def case_refund_of_a_fee(w: World) -> None:
    email = w.who("refund-of-fee")
    order = w.order(email, [[w.mug, 1]], fees=[["10", False]], shipping="5", status="completed")
    w.check(email, [order], 60)
    w.do("refund", id=order, amount="10", lines=[["fee", 0, 0, "10"]])
    w.check(email, [order], 50)


def case_three_refunds_of_a_third(w: World) -> None:
    email = w.who("thirds")
    order = w.order(email, [[w.cup, 3]], status="completed")
    w.check(email, [order], 99)
    for points in (66, 33, 0):
        w.do("refund", id=order, amount="33.33")
        w.check(email, [order], points)


def case_refund_while_processing(w: World) -> None:
    email = w.who("processing")
    order = w.order(email, [[w.mug, 2]], status="processing")
    w.do("refund", id=order, amount="30")
    w.check(email, [order], 0)
    w.do("status", id=order, status="completed")
    w.check(email, [order], 70)


def case_refund_deleted(w: World) -> None:
    """Within the same second as the refund, with and without the page that tells it."""
    email = w.who("refund-deleted")
    order = w.order(email, [[w.mug, 2]], status="completed")
    for action in ("refund_delete", "refund_delete_by_code"):
        w.do("refund", id=order, amount="30")
        w.check(email, [order], 70)
        w.do(action, id=order)
        w.check(email, [order], 100)


def case_refund_of_lines_deleted(w: World) -> None:
    email = w.who("refund-lines-deleted")
    order = w.order(email, [[w.mug, 1], [w.cup, 1]], status="completed")
    w.do("refund", id=order, amount="33.33", lines=[["line_item", 1, 1, "33.33"]])
    w.check(email, [order], 50)
    w.do("refund", id=order, amount="50", lines=[["line_item", 0, 1, "50"]])
    w.check(email, [order], 0)
    w.do("refund_delete", id=order)
    w.check(email, [order], 0)  # an order that was refunded wholly stays so
    w.do("status", id=order, status="completed")
    w.check(email, [order], 50)


def case_statuses(w: World) -> None:
    email = w.who("status")
    order = w.order(email, [[w.mug, 2]], status="processing")
    w.check(email, [order], 0)
    steps = (
        ("completed", 100),
        ("cancelled", 0),
        ("completed", 100),
        ("failed", 0),
        ("completed", 100),
        ("on-hold", 0),
        ("processing", 0),
        ("completed", 100),
        ("refunded", 0),
    )
    for status, points in steps:
        w.do("status", id=order, status=status)
        w.check(email, [order], points)


def case_custom_status(w: World) -> None:
    email = w.who("picked-up")
    order = w.order(email, [[w.mug, 1]], status="processing")
    for status, points in (("picked-up", 50), ("completed", 50), ("cancelled", 0)):
        w.do("status", id=order, status=status)
        w.check(email, [order], points)


def case_trash(w: World) -> None:
    email = w.who("trash")
    order = w.order(email, [[w.mug, 2]], status="completed")
    w.do("refund", id=order, amount="20")
    w.check(email, [order], 80)
    for action, points in (("trash", 0), ("untrash", 80), ("trash", 0), ("delete", 0)):
        w.do(action, id=order)
        w.check(email, [order], points)


def case_deleted_for_good(w: World) -> None:
    email = w.who("gone")
    order = w.order(email, [[w.mug, 1]], status="completed")
    w.check(email, [order], 50)
    w.do("delete", id=order)
    w.check(email, [order], 0)


def case_edited(w: World) -> None:
    email = w.who("edit")
    order = w.order(email, [[w.mug, 2]], status="completed")
    w.check(email, [order], 100)
    w.do("set_quantity", id=order, line=0, qty=3)
    w.check(email, [order], 150)
    w.do("set_quantity", id=order, line=0, qty=1)
    w.check(email, [order], 50)
    w.do("add_line", id=order, product=w.cup, qty=2)
    w.check(email, [order], 116)
    w.do("save_items", id=order, line=0, qty=1, total="20")
    w.check(email, [order], 86)


def case_edited_after_refund(w: World) -> None:
    email = w.who("edit-refund")
    order = w.order(email, [[w.mug, 2]], status="completed")
    w.do("refund", id=order, amount="25")
    w.check(email, [order], 75)
    w.do("add_line", id=order, product=w.mug)
    w.check(email, [order], 125)


def case_lines_removed(w: World) -> None:
    """Also within a minute, and where orders are posts, whose date a removed line does not change."""
    email = w.who("removed")
    order = w.order(email, [[w.mug, 1], [w.cup, 1], [w.tea, 1]], status="completed")
    w.check(email, [order], 103)
    w.do("remove_line", id=order, line=2)
    w.check(email, [order], 83)
    w.do("remove_line", id=order, line=0)
    w.check(email, [order], 33)


def case_guest(w: World) -> None:
    _completed(w, "guest", 50, [[w.mug, 1]])
    email = w.who("spelling")
    order = w.order(email.upper().replace("EXAMPLE.COM", "Example.com"), [[w.mug, 1]], status="completed")
    w.check(email, [order], 50)


def case_account(w: World) -> None:
    """Who is signed in has one balance, whatever address they type."""
    account, typed = w.who("account"), w.who("typed")
    user = w.do("customer", email=account)["id"]
    order = w.order(typed, [[w.mug, 1]], account=user, status="completed")
    w.check(account, [order], 50, others={typed: 0})
    w.do("billing", id=order, email=w.who("typed-later"))
    w.check(account, [order], 50)
    w.do("status", id=order, status="cancelled")
    w.check(account, [order], 0)


def case_assigned_to_an_account(w: World) -> None:
    account, typed = w.who("late-account"), w.who("late-typed")
    order = w.order(typed, [[w.mug, 1]], status="completed")
    w.check(typed, [order], 50)
    user = w.do("customer", email=account)["id"]
    w.do("account", id=order, account=user)
    w.check(account, [order], 50, others={typed: 0})


def case_address_corrected(w: World) -> None:
    wrong, right = w.who("wrong"), w.who("right")
    order = w.order(wrong, [[w.mug, 1]], status="completed")
    w.check(wrong, [order], 50)
    w.do("billing", id=order, email=right)
    w.check(right, [order], 50, others={wrong: 0})
    w.do("refund", id=order, amount="20")
    w.check(right, [order], 30, others={wrong: 0})
    w.do("billing", id=order, email=wrong)
    w.check(wrong, [order], 30, others={right: 0})


def case_currencies(w: World) -> None:
    _completed(w, "usd", 90, [[w.mug, 2]], currency="USD")
    _completed(w, "jpy", 80, [[w.mug, 1, 12800]], currency="JPY")
    _completed(w, "chf", 0, [[w.mug, 2]], currency="CHF")


def case_refund_in_another_currency(w: World) -> None:
    email = w.who("usd-refund")
    order = w.order(email, [[w.mug, 2]], currency="USD", status="completed")
    w.do("refund", id=order, amount="33.33")
    w.check(email, [order], 60)  # 66.67 * 0.9


def case_saved_again(w: World) -> None:
    email = w.who("touched")
    order = w.order(email, [[w.mug, 1]], status="completed")
    for _ in range(3):
        w.do("touch", id=order)
    w.check(email, [order], 50)


def case_several_orders(w: World) -> None:
    email = w.who("several")
    orders = [w.order(email, [[w.cup, 1]], status="completed") for _ in range(2)]
    w.check(email, orders, 66)  # each is rounded
    w.do("status", id=orders[0], status="cancelled")
    w.check(email, orders, 33)


def case_quick_changes(w: World) -> None:
    email = w.who("quick")
    order = w.order(email, [[w.mug, 2]], status="completed")
    w.do("refund", id=order, amount="30")
    w.do("status", id=order, status="cancelled")
    w.do("status", id=order, status="completed")
    w.check(email, [order], 70)
