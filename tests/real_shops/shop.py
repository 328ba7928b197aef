"""A real WooCommerce shop in a folder, driven as its visitors and merchants do: each action is a PHP process."""

import json
import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.support.process import HttpAnswer, call, wait_until

HERE = Path(__file__).parent
PLUGIN = HERE.parents[1] / "pointsync/shops/wordpress/pointsync"
ACTION_SECONDS = 300
SERVE_SECONDS = 20
WORKERS = "4"
PHP = ("php", "-d", "memory_limit=512M", "-d", "display_errors=stderr", "-d", "max_execution_time=120")
OPCACHE = ("-d", "opcache.enable=1", "-d", "opcache.max_accelerated_files=20000", "-d", "opcache.revalidate_freq=0")


class Shop:
    """A shop of its own for tests: `folder` has WordPress, WooCommerce and a database. Its orders are changed.

    `cache` is a folder for PHP's compiled files, which lets each action begin in a tenth of the time.

    `with Shop(folder, cache) as shop:` puts the plugin of this checkout and a test plugin into it, and serves it at its
    address, on loopback. Without `has_plugin`, its admin installs the plugin.
    """

    def __init__(self, folder: Path, cache: Path, *, has_plugin: bool = True) -> None:
        self._has_plugin = has_plugin
        self.folder = folder.resolve()
        self._opcache = (
            "-d",
            "opcache.enable_cli=1",
            "-d",
            f"opcache.file_cache={cache}",
            "-d",
            "opcache.file_cache_only=1",
        )
        config = self.folder / "wp-config.php"
        assert config.is_file(), f"no WordPress in {folder}"
        owner = config.stat()
        self._user = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 and owner.st_uid else {}
        self.name = f"{folder.parent.name}-{folder.name}"
        self._server: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        link = self.folder / "wp-content/plugins/pointsync"
        if self._has_plugin:
            if not link.exists():
                link.unlink(missing_ok=True)
                link.symlink_to(PLUGIN)
            assert link.resolve() == PLUGIN, f"{link} is another plugin than this checkout's"
        else:
            assert not link.is_symlink(), f"{link} is a link: WordPress would delete the files that it leads to"
        must_use = self.folder / "wp-content/mu-plugins"
        must_use.mkdir(exist_ok=True)
        self._own = must_use / "pointsync-tests.php"
        self._own.write_text((HERE / "mu_plugin.php").read_text())
        self.mails_file = self.folder / "wp-content/pointsync-mails.jsonl"
        self.mails_file.unlink(missing_ok=True)
        self.url = self.do("prepare" if self._has_plugin else "home")["home"]
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._own.unlink(missing_ok=True)

    def start(self) -> None:
        """Serve the shop at its address."""
        assert self._server is None
        parts = urlsplit(self.url)
        assert parts.hostname == "127.0.0.1", f"{self.url} is not on loopback"
        with (self.folder / "wp-content/pointsync-server.log").open("ab") as log:
            self._server = subprocess.Popen(
                [*PHP, *OPCACHE, "-S", f"127.0.0.1:{parts.port}", "-t", self.folder, HERE / "router.php"],
                cwd=self.folder,
                env={**os.environ, "PHP_CLI_SERVER_WORKERS": WORKERS},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._user,  # type: ignore[call-overload]
            )
        wait_until(self._is_up, SERVE_SECONDS, f"an answer from {self.url}")

    def _is_up(self) -> bool:
        with suppress(OSError):
            return call("GET", self.url + "/wp-login.php", timeout_seconds=10).status == 200
        return False

    def cpu_seconds(self) -> float:
        """The processor time that the web server and its workers have taken (`utime` and `stime`, proc(5))."""
        assert self._server
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self._server.pid:  # its process group
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End the web server and its workers."""
        if self._server:
            os.killpg(self._server.pid, 15)
            self._server.wait(10)
            self._server = None

    def do(self, action: str, *, check: bool = True, **arguments: Any) -> Any:
        """Run an action of `driver.php` in a process of its own, as a request of its own; what it returns."""
        done = subprocess.run(
            [*PHP, *self._opcache, HERE / "driver.php", self.folder],
            input=json.dumps({"do": action, **arguments}),
            capture_output=True,
            encoding="utf-8",
            timeout=ACTION_SECONDS,
            check=False,
            cwd=self.folder,
            **self._user,
        )
        text = done.stdout.strip()
        if not check:
            return done.returncode
        assert done.returncode == 0, f"{action} {arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        try:
            return json.loads(text) if text else None
        except ValueError:
            raise AssertionError(f"{action} {arguments} said {text}\n{done.stderr}") from None

    def tick(self) -> None:
        """What the schedule does each minute."""
        self.do("tick")

    def get(self, path: str, headers: dict[str, str] | None = None) -> HttpAnswer:
        """A page of the shop."""
        return call("GET", self.url + path, headers=headers)

    def mails(self) -> list[dict[str, Any]]:
        """The mails that the shop has sent since the tests began."""
        lines = self.mails_file.read_text().splitlines() if self.mails_file.exists() else []
        return [json.loads(line) for line in lines]

    def wait_balance(self, email: str, points: int, seconds: float = 10) -> None:
        """Wait until the shop's own table says so; the schedule runs meanwhile."""
        deadline = time.monotonic() + seconds
        while (found := self.do("balances", emails=[email])[email.lower()]) != points:
            assert time.monotonic() < deadline, f"{self.name} shows {found} points of {email} instead of {points}"
            self.tick()
