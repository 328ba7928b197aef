"""A rotation of the secret key is killed (-9) before and after its commit: the next start can decrypt everything."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command_batch import run_commands
from tests.support.paths import CHECKOUT
from tests.support.process import SiteProcess

SECONDS = 60
KILLED_SCRIPT = """
import os, signal, sys
from importlib import import_module
from pointsync.cli.commands import ROOT

place, _, step = sys.argv[1].rpartition(".")
module = import_module(place)
original = getattr(module, step)

def kill_after(*args, **kwargs):
    original(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(module, step, kill_after)
ROOT.main(["rotate-key"])
"""
STEPS = {
    "pointsync.ledger.audit_recorder.log_action": 1,
    "pointsync.ops.key_rotation.run_in_transaction": 2,
}
"""The step after which it is killed, and the number of rotations after the command has run again: a committed
rotation is finished first."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a site."""
    site = SiteProcess(tmp_path_factory.mktemp("site")).create()
    site.cli("hook", "add", "orders", "--secret", "s", "--reserve", "default")
    return site.data_dir


def test_one_key_decrypts_everything_after_a_kill(template: Path, tmp_path: Path) -> None:
    sites = {step: SiteProcess(shutil.copytree(template, tmp_path / step)) for step in STEPS}
    killed = [
        subprocess.Popen(
            [sys.executable, "-c", KILLED_SCRIPT, step], cwd=CHECKOUT, env=site.env, stderr=subprocess.PIPE
        )
        for step, site in sites.items()
    ]
    for each in killed:
        stderr = each.communicate(timeout=SECONDS)[1]
        assert each.returncode == -9, stderr
    [before] = run_commands(SiteProcess(template), [("site", "--secrets", "--json")])
    first = (template / "secret_key").read_text()
    for step, site in sites.items():
        shown, rotated, again, log = run_commands(
            site,
            [
                ("site", "--secrets", "--json"),
                ("rotate-key", "--json"),
                ("site", "--secrets", "--json"),
                ("audit", "--json"),
            ],
        )
        assert shown.json == again.json == before.json, step
        assert rotated.json["secrets"] == 3, step
        assert len([row for row in log.json if row["action"] == "rotated"]) == STEPS[step], step
        key_files = sorted(each.name for each in site.data_dir.glob("secret_key*"))
        assert len(key_files) == 1 + STEPS[step], (step, key_files)
        assert "secret_key.new" not in key_files
        assert (site.data_dir / "secret_key").read_text() != first
