"""A clean Debian 12 with nothing but apt and systemd, booted: its own processes, mounts and users, this machine's network."""

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SUITE = "bookworm"
BOOTS_WITHIN = 60.0  # seconds
_ENVIRON = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8"}
_BOOT = """\
set -e
mount --make-rprivate /
mount --bind "$0" "$0"
cd "$0"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mkdir -p before
pivot_root . before
umount -l /before
exec env -i container=trial PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 /lib/systemd/systemd --log-target=journal
"""


class Debian:
    def __init__(self, root: Path, pid: int) -> None:
        self.root, self._pid = root, pid

    def run(self, *command: str, check: bool = True) -> str:
        """What it prints, as root."""
        done = subprocess.run(
            [
                "nsenter",
                f"--target={self._pid}",
                *["--mount", "--pid", "--ipc", "--uts", "--cgroup", "--"],
                *command,
            ],
            env=_ENVIRON,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if check else subprocess.DEVNULL,
            text=True,
        )
        if check and done.returncode:
            raise SystemExit(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}")
        return done.stdout

    def install(self, package: Path) -> None:
        shutil.copyfile(package, self.root / "new.deb")
        self.run("apt-get", "install", "-y", "-q", "--no-install-recommends", "/new.deb")
        (self.root / "new.deb").unlink()

    def unit(self, name: str, property: str) -> str:
        return self.run("systemctl", "show", "--value", f"--property={property}", name).strip()

    def until(self, look: Callable[[], Any], limit: float, what: str) -> Any:
        """What `look` gives as soon as that is true."""
        deadline = time.monotonic() + limit
        while not (found := look()):
            if time.monotonic() > deadline:
                said = self.run("journalctl", "--no-pager", "--lines=60", check=False)
                raise SystemExit(f"in {limit:g} s it did not come true that {what}\n{said}")
            time.sleep(0.5)
        return found


@contextlib.contextmanager
def booted() -> Iterator[Debian]:
    root = Path(tempfile.mkdtemp(prefix="ivr-clean-debian-"))
    root.chmod(0o755)
    group = _cgroups() / root.name
    try:
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=apt", "--include=systemd", SUITE, root], check=True
        )
        shutil.copyfile("/etc/resolv.conf", root / "etc" / "resolv.conf")
        group.mkdir()
        with boot(root, group) as pid:
            debian = Debian(root, pid)
            debian.until(
                lambda: (
                    debian.run("systemctl", "is-system-running", check=False).strip()
                    in ("running", "degraded")
                ),
                BOOTS_WITHIN,
                "systemd is up",
            )
            debian.run("apt-get", "update", "-q")
            yield debian
    finally:
        _remove(group)
        shutil.rmtree(root)


@contextlib.contextmanager
def boot(root: Path, group: Path) -> Iterator[int]:
    """Gives the id that its systemd has on this machine. `group`: the cgroup that becomes the root of its own."""
    apart = ["--pid", "--fork", "--kill-child", "--mount", "--ipc", "--uts", "--cgroup"]
    with (root / "boot.log").open("wb") as log:
        process = subprocess.Popen(
            # In the group first, so that it is what is seen as the root.
            [
                "sh",
                "-c",
                'echo $$ >"$0"/cgroup.procs && exec "$@"',
                group,
                "unshare",
                *apart,
                "sh",
                "-c",
                _BOOT,
                root,
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    try:
        deadline = time.monotonic() + BOOTS_WITHIN
        while not (said := children.read_text().split()) or not _is_systemd(said[0]):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit((root / "boot.log").read_text("utf-8", "replace"))
            time.sleep(0.1)
        yield int(said[0])
    finally:
        process.kill()
        process.wait()


def _is_systemd(pid: str) -> bool:
    return Path(f"/proc/{pid}/comm").read_text().strip() == "systemd"


def _cgroups() -> Path:
    """Where this machine has its cgroups of version 2."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return next(Path(where) for _, where, kind, *_ in mounts if kind == "cgroup2")


def _remove(group: Path) -> None:
    """When its last process has gone, which --kill-child has seen to."""
    deadline = time.monotonic() + 20
    folders = (
        [path for path in sorted(group.rglob("*"), reverse=True) if path.is_dir()] if group.exists() else []
    )
    for folder in [*folders, group] if folders or group.exists() else []:
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                folder.rmdir()
                break
            time.sleep(0.1)
