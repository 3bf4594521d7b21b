"""Where an Asterisk is on this machine, and the command that runs it.

Standard library only: `script/setup` uses it through `ivr.asterisk.fetch`.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ivr.errors import AsteriskError

# The first of each series that has all we use but StasisBroadcast, which is probed: requests over ARI's websocket
# (20.14, 21.9, 22.4), and the module that ARI's websockets need since (20.15, 21.10, 22.5). Later series have it from the start.
FIRST = {20: 15, 21: 10, 22: 5}


@dataclass(frozen=True)
class AsteriskInstall:
    """One Asterisk: `command` is the argv before any option of Asterisk's own."""

    command: tuple[str, ...]
    module_dir: Path
    data_dir: Path
    """Holds `documentation/`, without which Asterisk knows no option of its own."""
    version: str

    @property
    def broadcasts(self) -> bool:
        """Whether it has StasisBroadcast, which came with 20.17 and 22.7: a call asks every engine at once."""
        return (self.module_dir / "app_stasis_broadcast.so").exists()


def unpacked(root: Path) -> AsteriskInstall:
    """Debian packages unpacked under `root`, run by their own loader: no chroot, no root."""
    libraries = next(iter(root.glob("usr/lib/*-linux-gnu*/asterisk")), None)
    loader = next(iter(root.glob("usr/lib/*/ld-linux*.so.*")), None) or next(
        iter(root.glob("usr/lib/ld-linux*.so.*")), None
    )
    if libraries is None or loader is None:
        raise AsteriskError(f"{root} holds no unpacked asterisk", retryable=False)
    program = root / "usr/sbin/asterisk"
    command = (str(loader), "--library-path", str(libraries.parent), str(program))
    return AsteriskInstall(command, libraries / "modules", root / "usr/share/asterisk", version_of(command))


def named(executable: str) -> AsteriskInstall:
    """The Asterisk an operator names: a path, or a name on PATH."""
    found = shutil.which(executable)
    if found is None:
        raise AsteriskError(f"IVR_ASTERISK={executable}: no such program", retryable=False)
    modules = [
        path for lib in ("/usr/lib", "/usr/local/lib", "/usr/lib64") for path in _module_dirs(Path(lib))
    ]
    shares = [
        Path(path) for path in ("/usr/share/asterisk", "/var/lib/asterisk", "/usr/local/share/asterisk")
    ]
    data = next((path for path in shares if (path / "documentation").is_dir()), None)
    if not modules or data is None:
        raise AsteriskError(
            f"IVR_ASTERISK={executable}: its modules or its documentation are not where packages put them",
            retryable=False,
        )
    return AsteriskInstall((found,), modules[0], data, version_of((found,)))


def _module_dirs(lib: Path) -> list[Path]:
    return [*lib.glob("*/asterisk/modules"), *lib.glob("asterisk/modules")]


def version_of(command: tuple[str, ...]) -> str:
    """Such as `22.10.1`; an Asterisk too old for the desk is an error."""
    try:
        said = subprocess.run([*command, "-V"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise AsteriskError(f"{command[-1]} -V does not run: {error}", retryable=False) from error
    match = re.search(r"(\d+)\.(\d+)[.\d]*", said)
    if match is None:
        raise AsteriskError(f"{command[-1]} -V says no version: {said.strip()!r}", retryable=False)
    require_recent(match[0], command[-1])
    return match[0]


def require_recent(version: str, whose: str) -> None:
    """AsteriskError if the Asterisk of this version is too old."""
    series, minor = map(int, re.findall(r"\d+", version)[:2])
    if series < min(FIRST) or minor < FIRST.get(series, 0):
        firsts = ", ".join(f"{series}.{minor}" for series, minor in FIRST.items())
        raise AsteriskError(f"{whose} is Asterisk {version}; needed is {firsts} or later", retryable=False)
