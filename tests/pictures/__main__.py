"""Take the README's pictures: `python -m tests.pictures`. It needs Chromium.

It runs the demo until its three sites are in step, and takes pictures of the first site's panel.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.support.process import free_port

FOLDER = Path(__file__).parent
START_SECONDS = 120
PICTURES = {
    "points-sync": ("/system/points-sync", "light", 1100, 1240),
    "customer": ("/customers", "dark", 1100, 760),
    "dashboard": ("/", "light", 1100, 900),
}
"""Name → page, colours, and the size of the window."""


def main() -> None:
    """Start the demo, take the pictures, stop the demo."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pointsync", "demo", "--keep", f"{folder}/sites"]
        command += ["--port", str(free_port(3)), "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as family:
            try:
                assert family.stdout
                document = json.loads("".join(iter(family.stdout.readline, "}\n")) + "}")
                with sync_playwright() as playwright:
                    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
                    for name in PICTURES:
                        take_picture(browser, document["sites"][0], name)
                    browser.close()
            finally:
                family.terminate()


def take_picture(browser: Browser, site: dict[str, str], name: str) -> None:
    """Take one picture, saved next to this file."""
    path, scheme, width, height = PICTURES[name]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    page.goto(f"{site['url']}/sign-in")
    page.get_by_label("Name").fill(site["admin"])
    page.get_by_label("Password").fill(site["password"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site['url']}/")
    page.goto(site["url"] + path)
    if name == "customer":
        page.get_by_role("table").get_by_role("link").first.click()
        page.get_by_role("heading", name="@").first.wait_for()
    page.screenshot(path=FOLDER / f"{name}.png")
    print(f"{name}.png: {path}")
    context.close()


if __name__ == "__main__":
    main()
