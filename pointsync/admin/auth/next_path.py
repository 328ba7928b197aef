"""Where to go next: an address that somebody may have put into a link, taken only when it stays here."""

from urllib.parse import unquote, urlsplit

from flask import request, url_for

LIMIT = 2000
ROUNDS = 3
"""How often an address is unquoted to see what it hides: once by us, and by proxies before us."""


def next_path() -> str:
    """The path in `next=`, or the Dashboard."""
    wanted = request.args.get("next", "")
    return wanted if is_local(wanted, request.script_root) else url_for("admin.dashboard")


def is_local(path: str, root: str = "") -> bool:
    """Whether `path` is below `root` on this site, however a browser or a proxy reads it.

    Browsers take `\\` for `/` and leave out tabs and line ends; two slashes at the beginning name a host.
    """
    if len(path) > LIMIT or not path.startswith(f"{root}/"):
        return False
    for _ in range(ROUNDS):
        if not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable():
            return False
        if ".." in urlsplit(path).path.split("/"):
            return False
        path = unquote(path)
    return True
