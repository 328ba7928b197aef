"""The README's chapter on running it, against the code: its units can be read, its commands and settings exist."""

import configparser
import re
import shlex

from pointsync.cli.commands import COMMANDS
from tests.support.process import CHECKOUT

README = (CHECKOUT / "README.md").read_text()
CHAPTER = README.split("\n## Running it\n")[1].split("\n## ")[0]
SETTINGS = README.split("\n## Settings\n")[1].split("\n## ")[0]


def blocks(kind: str, text: str) -> list[str]:
    """The fenced blocks of that kind."""
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def units() -> dict[str, configparser.RawConfigParser]:
    """The chapter's units, by the name that stands in their first line."""
    found = {}
    for block in blocks("ini", CHAPTER):
        unit = configparser.RawConfigParser(strict=False, comment_prefixes=("#",))
        unit.optionxform = str  # type: ignore[assignment]
        unit.read_string(block)
        found[block.splitlines()[0].rpartition("/")[2]] = unit
    return found


def test_the_units_are_what_systemd_reads():
    assert set(units()) == {"pointsync.service", "pointsync-backup.service", "pointsync-backup.timer"}
    site = units()["pointsync.service"]["Service"]
    program, command, *_ = shlex.split(site["ExecStart"])
    assert (program, command) == ("/opt/pointsync/bin/pointsync", "serve")
    # The process needs less than ten seconds to end, which every one of them promises.
    assert int(site["TimeoutStopSec"]) > 10
    assert {site[name] for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices")} == {"yes"}
    assert (site["UMask"], site["ProtectSystem"], site["CapabilityBoundingSet"]) == ("0077", "strict", "")


def test_each_command_that_is_named_exists():
    named = re.findall(
        r"(?:^|[ `/])pointsync ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)", "\n".join([*blocks("sh", README), CHAPTER]), re.M
    )
    assert len(named) > 20
    for words in (each.split() for each in named):
        command = COMMANDS.commands.get(words[0])
        assert command, words
        if hasattr(command, "commands"):
            assert words[1] in command.commands, words


def test_each_setting_that_is_named_is_in_the_table():
    named = set(re.findall(r"POINTSYNC_[A-Z_]+[A-Z]", CHAPTER))
    assert len(named) > 5
    assert named <= set(re.findall(r"POINTSYNC_[A-Z_]+[A-Z]", SETTINGS))
