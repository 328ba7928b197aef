"""The values of settings as people write them: with quotes, spaces, or in their own words for on and off.

Shells and systemd remove quotes and replace `~` and `$HOME`. Docker's `--env-file`, cron and many tools do not.
"""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from pointsync.errors import ConfigError
from pointsync.text_limits import QUOTES

PREFIX = "POINTSYNC_"
SWITCH_WORDS = {
    **dict.fromkeys(("on", "true", "yes", "1", "enabled"), "on"),
    **dict.fromkeys(("off", "false", "no", "0", "disabled"), "off"),
}
_PLACEHOLDER = re.compile(r"\$[A-Za-z_{(]|\{\{|^%[A-Za-z](?:/|$)|^<.*>$|`")
"""What a shell, systemd (`%h`), a template or a reader should have replaced."""
_MIN_SIMILARITY = 0.85
_OTHER_NAMES = {
    **dict.fromkeys(("DATA_DIR", "DATADIR", "DATA_PATH", "DATA_FOLDER", "DIR", "FOLDER"), "DATA"),
    **dict.fromkeys(("DATABASE", "DB", "DB_URL"), "DATABASE_URL"),
    **dict.fromkeys(("URL", "BASE_URL", "SITE_URL"), "PUBLIC_URL"),
    "NAME": "SITE_NAME",
}


def unquote(text: str) -> str:
    """`text` without spaces and line ends around it, and without one pair of quotes around it."""
    text = text.strip()
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text[0] not in text[1:-1]
    return text[1:-1].strip() if is_quoted else text


def has_placeholder(text: str) -> bool:
    """Whether `text` contains something like `$HOME` that nothing has replaced. Not for values with passwords."""
    return bool(_PLACEHOLDER.search(text))


def find_path_problem(path: str) -> str | None:
    """Why nobody can mean this path, as the end of a sentence that begins with the setting's name; None if one can."""
    if not path:
        return "is set, but empty; remove it to use the default"
    if not path.isprintable():
        return "contains control characters"
    if path[0] in QUOTES or path[-1] in QUOTES:
        return f"is {path}, with quotes that are not removed here; write it without quotes"
    if path.startswith("~"):
        return f"is {path}, but ~ is not replaced here; write the whole path"
    if has_placeholder(path):
        return f"is {path}, in which a variable was not replaced; write the whole path"
    if not path.strip("/"):
        return f"is {path}, the root of the file system; write a folder in it"
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", path):
        return f"is {path}, which is not a path on this machine; write a path that begins with /"
    if re.match(r"[A-Za-z]:\\|\\", path):
        return f"is {path}, a path of another operating system; write a path that begins with /"
    return None


def find_misspelt(names: Iterable[str], known: Iterable[str]) -> tuple[str, str] | None:
    """The first of these names that is no setting but looks like one, and the setting; None if there is none.

    Other programs set variables that begin with the same prefix, such as Kubernetes for a service of that name.
    """
    known = tuple(known)
    for name in sorted(names):
        short = name.removeprefix(PREFIX)
        if not name.startswith(PREFIX) or short in known:
            continue
        near = [_OTHER_NAMES[short]] if short in _OTHER_NAMES else difflib.get_close_matches(
            short, known, 1, _MIN_SIMILARITY
        )  # fmt: skip
        if near:
            return name, f"{PREFIX}{near[0]}"
    return None


def is_database_url(url: str) -> bool:
    """Whether SQLAlchemy can parse the URL of a database."""
    # Imported here, because the import takes longer than showing a command's help.
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(url)
    except (ArgumentError, ValueError):
        return False
    return True


def read_file(path: Path) -> dict[str, str]:
    """The settings in an admin's configuration file, which is Python. Raises ConfigError."""
    module = ModuleType("instance_config")
    try:
        exec(compile(path.read_text("utf-8-sig"), str(path), "exec"), module.__dict__)  # noqa: S102 the admin's own file, as Flask reads it
    except Exception as error:
        raise ConfigError(f"{path} cannot be read as Python: {error}") from error
    values = {name: value for name, value in vars(module).items() if name.startswith(PREFIX)}
    return {name: str(value) for name, value in values.items() if value is not None}
