"""Where to go next: an address that somebody may have put into a link, taken only when it stays here."""

from urllib.parse import unquote, urlsplit

from flask import request, url_for

MAX_LENGTH = 2000
UNQUOTE_ROUNDS = 3
"""How often an address is unquoted to see what it hides: once by us, and by proxies before us."""


def next_path() -> str:
    """The path in `next=`, or the Dashboard."""
    path = request.args.get("next", "")
    return path if is_local_path(path, request.script_root) else url_for("admin.dashboard")


def is_local_path(path: str, root: str = "") -> bool:
    """Whether `path` is below `root` on this site, however a browser or a proxy reads it.

    Browsers take `\\` for `/` and leave out tabs and line ends; two slashes at the beginning name a host.
    """
    if len(path) > MAX_LENGTH or not path.startswith(f"{root}/"):
        return False
    for _ in range(UNQUOTE_ROUNDS):
        if not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable():
            return False
        if ".." in urlsplit(path).path.split("/"):
            return False
        path = unquote(path)
    return True
