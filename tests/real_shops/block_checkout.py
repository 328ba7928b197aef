"""The checkout block in a browser: the address, and the button."""

from playwright.sync_api import Page, TimeoutError

FIELDS = {
    "email": "",
    "first_name": "Try",
    "last_name": "Customer",
    "address_1": "Street 1",
    "postcode": "10115",
    "city": "Berlin",
}
PAYMENT = "Cash"
ORDER_MS = 20_000
TRIES = 3


def fill_in(page: Page, email: str) -> None:
    """Type the address, and choose how to pay."""
    page.locator("#email").wait_for()
    for name, value in FIELDS.items():
        page.locator(f"#{name}, #shipping-{name}, #billing-{name}").first.fill(value or email)
    page.get_by_label(PAYMENT).check()


def place_order(page: Page) -> None:
    """Press the button; again if the block was sending the address that was typed a moment ago, and did not notice."""
    for _ in range(TRIES):
        page.get_by_role("button", name="Place Order").click()
        try:
            page.wait_for_url("**/order-received/**", timeout=ORDER_MS)
        except TimeoutError:
            continue
        return
    raise AssertionError(f"the order was not placed: {page.url}")
