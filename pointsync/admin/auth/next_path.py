"""Where to go after signing in: the path in `next=`, only if it stays on this site."""

from urllib.parse import unquote, urlsplit

from flask import request, url_for

MAX_LENGTH = 2000
UNQUOTE_ROUNDS = 3
"""How many times the path is unquoted to find what it hides: PointSync does it once, proxies may do it, too."""


def next_path() -> str:
    """The path in `next=`, or the Dashboard."""
    path = request.args.get("next", "")
    return path if is_local_path(path, request.script_root) else url_for("admin.dashboard")


def is_local_path(path: str, root: str = "") -> bool:
    """Whether `path` is below `root` on this site, in whatever way browsers and proxies read it.

    Browsers treat `\\` like `/` and remove tabs and line breaks. Two slashes at the start name a host.
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
