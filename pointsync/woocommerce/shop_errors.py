"""Errors that a shop delivers in place of an order or a customer.

WooCommerce builds the body of a webhook with its REST API, as the user who created the webhook. If that answers with an
error, the shop delivers the error: `{"code": "woocommerce_rest_cannot_view", "message": …, "data": {"status": 403}}`.
"""

from typing import Any

from pointsync.text_limits import printable
from pointsync.woocommerce.outcome import DeliveryProblem
from pointsync.woocommerce.values import DeliveryIgnored

CANNOT_VIEW = "woocommerce_rest_cannot_view"
_PREFIXES = ("woocommerce_rest_", "rest_")
_MAX_CODE_LENGTH = 60


def refuse(body: Any) -> None:
    """Raise DeliveryIgnored if the body is an error of the shop."""
    code = body.get("code") if isinstance(body, dict) and "id" not in body else None
    if not isinstance(code, str) or not code.startswith(_PREFIXES):
        return
    if code == CANNOT_VIEW:
        raise DeliveryIgnored(
            f"The shop sent {CANNOT_VIEW} in place of the data: the user who created this webhook is no longer allowed "
            "to view it. Give that user the role Shop manager again, or delete the webhook in the shop and create it "
            "again as an administrator.",
            DeliveryProblem.CANNOT_VIEW,
        )
    raise DeliveryIgnored(f"The shop sent the error {printable(code, _MAX_CODE_LENGTH)} in place of the data.")
