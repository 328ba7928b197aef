"""An ordinary restart of a container or a volume keeps the database's place; a copy of the file has another one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process import SiteProcess

BIND = 'mount --bind "$DISK" "$POINTSYNC_DATA"'
OVERLAY = 'mount -t overlay overlay -o "lowerdir=$DISK/image,upperdir=$DISK/top,workdir=$DISK/work" "$POINTSYNC_DATA"'


def _missing_reason() -> str | None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return "only root can mount, and unshare must be installed"
    done = subprocess.run(["unshare", "--mount", "--uts", "true"], check=False, capture_output=True)
    return None if done.returncode == 0 else "this machine does not allow its own mounts"


pytestmark = pytest.mark.skipif(bool(_missing_reason()), reason=_missing_reason() or "")


class Container(SiteProcess):
    """A site whose processes each have new mounts and a new host name, as a restarted container has."""

    def __init__(self, folder: Path, mount: str) -> None:
        self.disk = folder / "disk"
        for name in ("image", "top", "work"):
            (self.disk / name).mkdir(parents=True)
        super().__init__(folder / "data", env={"DISK": str(self.disk), "POINTSYNC_SITE_NAME": "a"})
        self.log = folder / "serve.log"
        script = f'set -e; {mount}; hostname "container-$$"; exec {sys.executable} -m pointsync "$@"'
        self.command = ("unshare", "--mount", "--uts", "bash", "-c", script, "bash")

    def record(self) -> str:
        """Record points while it runs. A command looks at the place, too; its warning, empty if nothing is wrong."""
        done = self.run("record", "alice@shop.example", "5")
        assert done.returncode == 0, done
        return done.stderr


@pytest.mark.parametrize(
    "mount", [pytest.param(BIND, id="bind", marks=pytest.mark.long), pytest.param(OVERLAY, id="overlay")]
)
def test_a_restarted_container_goes_on(tmp_path: Path, mount: str):
    site = Container(tmp_path, mount)
    for _ in range(2):
        with site:
            assert site.record() == ""
    assert "Nothing is sent" not in site.log_tail()


@pytest.mark.long
def test_a_database_in_the_image_of_a_container_goes_on(tmp_path: Path):
    """The first write copies the file from the image into the container's own layer."""
    first = SiteProcess(tmp_path / "first", env={"POINTSYNC_SITE_NAME": "a"})
    with first:
        first.cli("record", "alice@shop.example", "5")
        assert first.terminate() == 0
    site = Container(tmp_path / "container", OVERLAY)
    shutil.copytree(tmp_path / "first", site.disk / "image", dirs_exist_ok=True)
    with site:
        assert "was moved, copied, or put back" in site.record()
        assert site.cli("confirm", "moved")["hold"] is None
    for _ in range(2):
        with site:
            assert site.record() == ""


def test_the_same_folder_without_its_mount_is_the_same_place(tmp_path: Path):
    site = Container(tmp_path, BIND)
    with site:
        assert site.record() == ""
    with SiteProcess(site.disk, env={"POINTSYNC_SITE_NAME": "a"}) as direct:
        assert direct.cli("site")["hold"] is None


def test_a_copied_folder_on_another_volume_is_another_place(tmp_path: Path):
    site = Container(tmp_path / "a", BIND)
    with site:
        assert site.record() == ""
    copy = Container(tmp_path / "b", BIND)
    shutil.copytree(site.disk, copy.disk, dirs_exist_ok=True)
    with copy:
        assert f"The database {copy.data_dir}/pointsync.db is another file" in copy.record()
        assert copy.cli("confirm", "moved")["hold"] is None
    with copy:
        assert copy.record() == ""
    assert site.record() == ""
