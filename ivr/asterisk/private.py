"""An Asterisk of our own, started beside whatever runs on the machine and stopped with us."""

import asyncio
import contextlib
import fcntl
import hashlib
import logging
import os
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from ivr.asterisk import conf
from ivr.asterisk.conf import AriPasswords, InstanceSettings
from ivr.asterisk.console import Console
from ivr.asterisk.install import AsteriskInstall
from ivr.errors import AsteriskError

log = logging.getLogger("ivr.asterisk.private")

_POLL = 0.02  # seconds
_TELLING = re.compile(r"ERROR|\*\*\*|fail|unable|already|error", re.IGNORECASE)


class PrivateAsterisk:
    """One Asterisk process; nothing in it is bound to an event loop, so tests may share one.

    It dies with the process whose main thread started it, even by kill -9: start it from there.
    """

    def __init__(self, install: AsteriskInstall, settings: InstanceSettings) -> None:
        self.install = install
        # Asterisk takes a relative path from a directory of its own choice.
        self.settings = settings = replace(
            settings,
            base=settings.base.resolve(),
            sounds=settings.sounds.resolve(),
            fallback_dir=settings.fallback_dir.resolve(),
            neutral_prompt=settings.neutral_prompt.absolute(),
            thanks_prompt=settings.thanks_prompt.absolute(),
        )
        self.passwords: AriPasswords = conf.ari_passwords(settings.base)
        self._run_dir = _run_dir(settings.base)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock_fd: int | None = None
        self._log_before = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def returncode(self) -> int | None:
        """None while it runs or was never started."""
        return self._process.poll() if self._process else None

    @property
    def console_log(self) -> Path:
        """What Asterisk says before its own log is open, among it why it does not start."""
        return self.settings.logs / "console.log"

    @property
    def console(self) -> Console:
        etc = self.settings.etc
        return Console(self.install.command, etc / "asterisk.conf", self.settings.logs / "messages.log")

    async def start(self, limit: float = 20.0) -> None:
        """Returns when calls and ARI requests are served; else raises AsteriskError with the reason."""
        try:
            async with asyncio.timeout(limit):
                await self._lock()
                self.deploy()
                self._launch()
                await self._booted()
        except TimeoutError as error:
            await self.stop()
            raise self._failure("Asterisk did not start in time") from error
        except BaseException:
            await self.stop()
            raise
        log.info("Asterisk is up", extra={"action": "start", "version": self.install.version})

    def deploy(self) -> None:
        """Directories, configuration and sounds of the instance; harmless while it runs."""
        settings = self.settings
        state = settings.base / "state"
        sounds = settings.share / "sounds"
        for directory in (settings.recordings, settings.logs, state / "keys", sounds, settings.fallback_dir):
            directory.mkdir(parents=True, exist_ok=True)
        self._run_dir.mkdir(mode=0o700, exist_ok=True)
        if self._run_dir.stat().st_uid != os.geteuid():
            raise AsteriskError(f"{self._run_dir} belongs to somebody else", retryable=False)
        _link(settings.share / "documentation", self.install.data_dir / "documentation")
        _link(sounds / "ja", settings.sounds)
        conf.write(conf.render(settings, self.install, self.passwords, self._run_dir), settings.etc)

    async def stop(self, graceful: float = 0.0) -> None:
        """Ends it, at the latest 11 s after `graceful`: the seconds that running calls are given."""
        process = self._process
        if process is not None:
            if process.poll() is None and graceful > 0:
                # Answers only when the last call has ended.
                await self._try_cli("core stop gracefully", graceful)
                await self._exited(_POLL)
            if process.poll() is None:
                await self._try_cli("core stop now")
                await self._exited(4)
            for number in (signal.SIGTERM, signal.SIGKILL):
                if process.poll() is None:
                    log.warning(
                        "Asterisk did not stop when asked", extra={"action": "stop", "signal": number.name}
                    )
                    process.send_signal(number)
                    await self._exited(1.5)
            shutil.rmtree(self._run_dir, ignore_errors=True)
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    async def cli(self, command: str, limit: float = 10.0) -> str:
        """As of `Console`."""
        return await self.console.cli(command, limit)

    def _command(self) -> list[str]:
        return [*self.install.command, "-C", str(self.settings.etc / "asterisk.conf")]

    async def _lock(self) -> None:
        """One Asterisk for one directory. The process inherits the lock: it holds until that has ended too."""
        self.settings.base.mkdir(parents=True, exist_ok=True)
        self._lock_fd = os.open(self.settings.base / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        tries = 150  # 3 s, in which the Asterisk of a guard that was killed ends
        while True:
            try:
                fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                tries -= 1
                if tries == 0:
                    raise AsteriskError(
                        f"an Asterisk is running in {self.settings.base} already", retryable=False
                    ) from error
            await asyncio.sleep(_POLL)

    def _launch(self) -> None:
        assert self._lock_fd is not None
        (self._run_dir / "asterisk.ctl").unlink(missing_ok=True)
        self._log_before = self.console.log.stat().st_size if self.console.log.exists() else 0
        with self.console_log.open("wb") as console:
            # A session of its own: Ctrl-C at the terminal must reach the guard, which lets calls end.
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", *self._command(), "-f"],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.settings.base,
                pass_fds=[self._lock_fd],
            )

    async def _booted(self) -> None:
        while "fully booted" not in await self._try_cli("core waitfullybooted"):
            if self.returncode is not None:
                raise self._failure(f"Asterisk ended while starting (exit code {self.returncode})")
            await asyncio.sleep(_POLL)
        # Asterisk goes on without a port that it cannot have.
        if f"Bound to {self.settings.ari}" not in await self.cli("http show status"):
            raise self._failure(f"IVR_ARI={self.settings.ari} cannot be used, perhaps another program has it")
        if self.settings.sip not in await self.cli("pjsip show transports"):
            raise self._failure(f"IVR_SIP={self.settings.sip} cannot be used, perhaps another program has it")

    async def _try_cli(self, command: str, limit: float = 4.0) -> str:
        try:
            return await self.cli(command, limit)
        except AsteriskError:
            return ""

    async def _exited(self, limit: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                while self.returncode is None:  # noqa: ASYNC110 - a process sets no asyncio event
                    await asyncio.sleep(_POLL)

    def _failure(self, what: str) -> AsteriskError:
        """`what`, followed by the last that Asterisk itself said about it."""
        said = self.console_log.read_bytes() if self.console_log.exists() else b""
        if self.console.log.exists():
            said += self.console.log.read_bytes()[self._log_before :]
        lines = dict.fromkeys(
            line for line in said.decode("utf-8", "replace").splitlines() if _TELLING.search(line)
        )
        return AsteriskError("\n  ".join([what, *list(lines)[-8:]]), retryable=False)


def _run_dir(base: Path) -> Path:
    """Beside nothing else, because the path of a unix socket has at most 107 characters."""
    key = hashlib.sha256(str(base).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"ivr-asterisk-{key}"


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)
