"""Fetch Asterisk 22 from Debian unstable: without root, beside the machine's own packages.

`python -m ivr.asterisk.fetch` fills the cache, `--latest` also rewrites `script/asterisk.lock`.
Standard library only, for it runs before anything is installed. The packages are asked from the
mirror that the machine's own apt uses; apt checks Debian's signature over their hashes.
"""

import argparse
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from ivr import settings
from ivr.asterisk.apt import Apt, AptError
from ivr.asterisk.install import AsteriskInstall, named, unpacked
from ivr.errors import AsteriskError, IvrError

LOCK_FILE = settings.shipped("script/asterisk.lock")
SERIES = "22"
_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
WAYS_OUT = (
    "`script/setup --asterisk-latest` takes what is there now and updates script/asterisk.lock;\n"
    "  IVR_ASTERISK=/path/to/asterisk uses an Asterisk of your own."
)
_HEADER = "# Asterisk from Debian unstable, with all it needs. Written by `script/setup --asterisk-latest`.\n"


@dataclass(frozen=True, order=True)
class Package:
    """One .deb."""

    name: str
    version: str
    architecture: str
    sha256: str

    @property
    def upstream(self) -> str:
        """`1:22.10.1+dfsg-1` -> `22.10.1`"""
        return self.version.split(":")[-1].split("-")[0].split("+")[0]


def find_asterisk(executable: str) -> AsteriskInstall:
    """The named one (the setting IVR_ASTERISK) or, when that is empty, what `script/setup` fetched."""
    if executable:
        return named(executable)
    root = _home(read_lock()) / "root"
    if not root.is_dir():
        raise AsteriskError("Asterisk is not fetched yet: run script/setup", retryable=False)
    return unpacked(root)


class Source(Protocol):
    """Where packages come from: `Apt`."""

    def update(self) -> None: ...

    def plan(self, package: str) -> list[tuple[str, str]]: ...

    def download(self, package: str, count: int) -> Path: ...


def fetch(source: Source | None = None, *, latest: bool = False) -> AsteriskInstall:
    """Get what the lock names, or what has taken its place. Returns at once when it is there already."""
    cache = cache_dir()
    cache.mkdir(parents=True, exist_ok=True)
    with _only_one(cache):
        locked = () if latest else read_lock()
        home = _home(locked)
        if not latest and (home / "root").is_dir():
            return unpacked(home / "root")
        source = source or Apt(cache / "apt")
        source.update()
        planned = tuple(sorted(Package(*_file_facts(name), sha) for name, sha in source.plan("asterisk")))
        _compare(locked, planned)
        home = _home(planned) if latest else home
        if not (home / "root").is_dir():
            _unpack(source, planned, home)
        if latest:
            LOCK_FILE.write_text(lock_text(planned), encoding="utf-8")
        return unpacked(home / "root")


def read_lock() -> tuple[Package, ...]:
    """The locked packages; empty when none is for this machine's architecture."""
    lines = LOCK_FILE.read_text(encoding="utf-8").splitlines() if LOCK_FILE.exists() else []
    packages = tuple(sorted(Package(*line.split()) for line in lines if line and not line.startswith("#")))
    return packages if _ARCHITECTURE in {package.architecture for package in packages} else ()


def lock_text(packages: Iterable[Package]) -> str:
    lines = (f"{p.name} {p.version} {p.architecture} {p.sha256}\n" for p in sorted(packages))
    return _HEADER + "".join(lines)


def cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ivr" / "asterisk"


def _home(wanted: tuple[Package, ...]) -> Path:
    """Named by what was wanted, so that a moved package is found again; `packages` in it says what was got."""
    key = hashlib.sha256(lock_text(wanted).encode()).hexdigest()[:12]
    version = next((p.upstream for p in wanted if p.name == "asterisk"), "latest")
    return cache_dir() / f"{version}-{key}"


@contextmanager
def _only_one(cache: Path) -> Iterator[None]:
    with (cache / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("  another set-up is fetching Asterisk; waiting for it", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _file_facts(name: str) -> tuple[str, str, str]:
    package, version, architecture = unquote(name.removesuffix(".deb")).split("_")
    return package, version, architecture


def _compare(locked: tuple[Package, ...], planned: tuple[Package, ...]) -> None:
    """A moved version is told and taken; another series, or other bytes under a locked version, is refused."""
    now = next((p for p in planned if p.name == "asterisk"), None)
    before = next((p for p in locked if p.name == "asterisk"), None)
    if now is None or not now.upstream.startswith(f"{SERIES}."):
        raise AsteriskError(
            f"unstable has moved on: locked is Asterisk {before.version if before else SERIES}, "
            f"there is now {now.version if now else 'none'}, which this engine was not tried with.\n  "
            "IVR_ASTERISK=/path/to/asterisk uses an Asterisk of your own.",
            retryable=False,
        )
    versions = {(p.name, p.version, p.architecture): p.sha256 for p in locked}
    for package in planned:
        expected = versions.get((package.name, package.version, package.architecture))
        if expected not in (None, package.sha256):
            raise AsteriskError(
                f"{package.name} {package.version} is not the file that script/asterisk.lock names:\n"
                f"  locked {expected}\n  there  {package.sha256}\n  Nothing was installed.",
                retryable=False,
            )
    if locked and locked != planned:
        print(moved_message(locked, planned), file=sys.stderr, flush=True)


def moved_message(locked: tuple[Package, ...], planned: tuple[Package, ...]) -> str:
    old, new = ({p.name: p.version for p in packages} for packages in (locked, planned))
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    shown = [f"    {name}: locked {old.get(name, '-')}, now {new.get(name, '-')}" for name in names]
    # Asterisk itself is what the reader looks for.
    shown.sort(key=lambda line: not line.startswith("    asterisk"))
    more = [f"    and {len(shown) - 6} more"] if len(shown) > 6 else []
    return "\n".join(
        [
            f"  WARNING: Debian unstable has moved on since script/asterisk.lock: {len(names)} packages differ.",
            *shown[:6],
            *more,
            "  Going on with what is there now (signed by Debian). To be rid of this warning:",
            f"  {WAYS_OUT}",
        ]
    )


def _unpack(source: Source, planned: tuple[Package, ...], home: Path) -> None:
    for leftover in home.parent.glob("unpacking-*"):  # the lock is ours: whoever made it is dead
        shutil.rmtree(leftover)
    archives = source.download("asterisk", len(planned))
    files = {Package(*_file_facts(path.name), _sha256(path)): path for path in archives.glob("*.deb")}
    missing = [p for p in planned if p not in files]
    if missing:
        raise AsteriskError(
            f"{missing[0].name}: the file does not have the SHA-256 of the index; run it again"
        )
    partial = home.parent / f"unpacking-{os.getpid()}"
    (partial / "root").mkdir(parents=True)
    print(f"  unpacking {len(planned)} packages", flush=True)
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(lambda package: _unpack_one(files[package], partial / "root"), planned):
            pass
    unpacked(partial / "root")  # it runs, and is not too old
    (partial / "packages").write_text(lock_text(planned), encoding="utf-8")
    partial.rename(home)
    shutil.rmtree(archives)


def _unpack_one(deb: Path, root: Path) -> None:
    subprocess.run(["dpkg-deb", "-x", str(deb), str(root)], check=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ivr.asterisk.fetch", description=__doc__)
    parser.add_argument("--latest", action="store_true", help="take what unstable has now and lock it")
    arguments = parser.parse_args()
    try:
        executable = settings.load().asterisk
        install = named(executable) if executable else fetch(latest=arguments.latest)
    except IvrError as error:
        print(f"  {error}", file=sys.stderr)
        if isinstance(error, AptError):
            print(
                "  Run it again (what was downloaded is kept), or use an Asterisk of your own:",
                file=sys.stderr,
            )
            print("  IVR_ASTERISK=/path/to/asterisk", file=sys.stderr)
        return 1
    print(f"  Asterisk {install.version} is ready")
    return 0


if __name__ == "__main__":
    sys.exit(main())
