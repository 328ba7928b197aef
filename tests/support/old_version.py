"""Sites of version 0.1.0, run from its own source."""

import importlib.util
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.support.paths import CHECKOUT
from tests.support.process import SiteProcess

COMMIT = "60e8b6fe751c1173c33c60861e0f426dd52665bc"
"""The commit of version 0.1.0. Tags are not in every clone."""


class OldSite(SiteProcess):
    """A site of version 0.1.0. `-P`, because Python would find this version's package in the working folder."""

    command = (sys.executable, "-P", "-m", "pointsync")

    def __init__(self, folder: Path, source: Path, port: int | None = None) -> None:
        path = os.pathsep.join([str(source), str(_find_limits())])
        super().__init__(folder, port, env={"PYTHONPATH": path, "POINTSYNC_SITE_NAME": folder.name})


def _find_limits() -> Path | None:
    """Where the package `limits` is installed, which only version 0.1.0 needs; None without it."""
    spec = importlib.util.find_spec("limits")
    return Path(spec.origin).parents[1] if spec and spec.origin else None


@pytest.fixture(scope="session")
def old_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of version 0.1.0. Without that commit, or what it needs, the test skips."""
    if _find_limits() is None:
        pytest.skip("version 0.1.0 needs the package limits, which is one of the `test` extras")
    archive = subprocess.run(["git", "archive", COMMIT, "pointsync"], cwd=CHECKOUT, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"this clone does not have the commit of version 0.1.0: {archive.stderr.decode().strip()}")
    folder = tmp_path_factory.mktemp("old-source")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder
