"""A customer of WooCommerce's REST API, version 3, as webhooks deliver it, parsed into an `AccountReport`."""

from typing import Any

from pointsync.ledger.orders.accounts import AccountReport
from pointsync.woocommerce import shop_errors
from pointsync.woocommerce.values import DeliveryIgnored, parse_email, parse_gmt, parse_id

DELETED = "customer.deleted"
TOPICS = frozenset({"customer.created", "customer.updated", DELETED})


def parse_delivery(topic: str, body: Any) -> AccountReport:
    """The account of a delivery with this topic. Raises DeliveryIgnored.

    An account that has never been changed has no time of a change.
    """
    if not isinstance(body, dict):
        raise DeliveryIgnored("The delivery contains no customer.")
    shop_errors.refuse(body)
    account_id = parse_id(body.get("id"), "The customer")
    if topic == DELETED:
        return AccountReport(id=account_id, is_deleted=True)
    email = parse_email(body.get("email"), f"The account of customer {account_id}")
    modified_at = parse_gmt(body.get("date_modified_gmt")) or parse_gmt(body.get("date_created_gmt"))
    return AccountReport(id=account_id, email=email, modified_at=modified_at)
