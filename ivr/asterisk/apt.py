"""apt-get with a state of its own: asks for packages without installing any. Standard library only."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from ivr.errors import AsteriskError

DEFAULT_MIRROR = "http://deb.debian.org/debian"
KEYRINGS = tuple(Path("/usr/share/keyrings") / f"debian-archive-keyring.{end}" for end in ("gpg", "pgp"))


class AptError(AsteriskError):
    """apt-get could not get Asterisk."""


class Apt:
    """Works in `home`, where partial downloads survive; the machine's apt is neither read nor changed,
    save for its mirror and its way to the network (proxy)."""

    def __init__(self, home: Path, *, mirror: str | None = None) -> None:
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            raise AptError("there is no apt-get here: Asterisk is fetched from Debian")
        self.home = home
        self.mirror = mirror or machine_mirror()

    @property
    def archives(self) -> Path:
        return self.home / "cache" / "archives"

    def update(self) -> None:
        keyring = next((path for path in KEYRINGS if path.exists()), None)
        if keyring is None:
            raise AptError("Debian's keys are not here: apt-get install debian-archive-keyring")
        for part in ("state/lists/partial", "cache/archives/partial", "none/partial"):
            (self.home / part).mkdir(parents=True, exist_ok=True)
        (self.home / "status").touch()
        (self.home / "sources.list").write_text(f"deb [signed-by={keyring}] {self.mirror} unstable main\n")
        self._write_configuration()
        print(f"  asking {self.mirror} what unstable has", flush=True)
        done = self._run("update", "-qq", "--error-on=any")
        if "is expired" in done.stderr:
            # A mirror that is not kept up to date, or our own clock. Still signed by Debian.
            print("  WARNING: its list is older than Debian allows; going on with it", flush=True)
            done = self._run("-o", "Acquire::Check-Valid-Until=false", "update", "-qq", "--error-on=any")
        if done.returncode != 0:
            raise AptError(f"the list of packages of {self.mirror} cannot be read:\n{_errors(done.stderr)}")

    def plan(self, package: str) -> list[tuple[str, str]]:
        """(file name, SHA-256) of `package` and all that it needs."""
        nothing_there = f"Dir::Cache::archives={self.home / 'none'}"
        done = self._run("-o", nothing_there, "install", "-y", "--print-uris", package)
        files = re.findall(r"^'[^']+' (\S+\.deb) \d+ SHA256:([0-9a-f]{64})$", done.stdout, re.MULTILINE)
        if done.returncode != 0 or not files:
            raise AptError(f"{self.mirror} unstable has no installable {package}:\n{_errors(done.stderr)}")
        return files

    def download(self, package: str, count: int) -> Path:
        """The directory with the `count` files of the plan."""
        command = ["apt-get", "install", "-y", "-q", "--download-only", package]
        with subprocess.Popen(
            command, env=self._environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None and process.stderr is not None
            got = 0
            for line in process.stdout:
                got += line.startswith("Get:")
                if line.startswith("Get:") and (got % 40 == 0 or got == count):
                    print(f"  {got} of {count} packages", flush=True)
            errors = process.stderr.read()
        if process.returncode != 0:
            raise AptError(f"the download from {self.mirror} failed:\n{_errors(errors)}")
        return self.archives

    def _write_configuration(self) -> None:
        """By APT_CONFIG, which is read before the machine's files; `-o` would come after them."""
        network = subprocess.run(
            ["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=True
        )
        architecture = subprocess.run(
            ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
        ).stdout.strip()
        ours = {
            "Dir::State": self.home / "state",
            "Dir::State::status": self.home / "status",
            "Dir::Cache": self.home / "cache",
            "Dir::Etc::SourceList": self.home / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::Parts": "/dev/null",
            "Dir::Etc::Main": "/dev/null",
            "Dir::Etc::Preferences": "/dev/null",
            "Dir::Etc::PreferencesParts": "/dev/null",
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",
            "Acquire::ForceHash": "SHA256",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Debug::NoLocking": "1",
        }
        text = network.stdout + "".join(f'{key} "{value}";\n' for key, value in ours.items())
        path = self.home / "apt.conf"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)  # a proxy may have a password

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "APT_CONFIG": str(self.home / "apt.conf"), "LC_ALL": "C"}

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["apt-get", *arguments], env=self._environment(), capture_output=True, text=True, check=False
        )


def _errors(text: str) -> str:
    lines = [line for line in text.splitlines() if line.startswith(("E:", "W:", "Err:"))] or text.splitlines()
    return "\n".join(f"    {line}" for line in lines[-5:])


def machine_mirror(etc: Path = Path("/etc/apt")) -> str:
    """The Debian archive that this machine's apt uses; Debian's own when it names none."""
    parts = etc / "sources.list.d"
    uris = [
        *(uri for path in sorted(parts.glob("*.sources")) for uri in deb822_uris(path.read_text())),
        *(
            uri
            for path in (etc / "sources.list", *sorted(parts.glob("*.list")))
            if path.exists()
            for uri in one_line_uris(path.read_text())
        ),
    ]
    # Not debian-security, which has no unstable, and no dated snapshot, whose unstable is old.
    return next(
        (uri for uri in uris if uri.rstrip("/").endswith("/debian") or _is_mirror_list(uri)), DEFAULT_MIRROR
    )


def _is_mirror_list(uri: str) -> bool:
    """As cloud images have it: mirror+file:/etc/apt/mirrors/debian.list"""
    return uri.startswith("mirror+file:") and uri.endswith("/debian.list")


def deb822_uris(text: str) -> Iterable[str]:
    """The URIs of a *.sources file, of entries that are enabled and of type deb."""
    for stanza in re.split(r"\n\s*\n", text):
        lines = [line for line in stanza.splitlines() if not line.startswith("#")]
        fields: dict[str, str] = {}
        name = ""
        for line in lines:
            if line[:1].isspace():
                fields[name] = f"{fields.get(name, '')} {line.strip()}"
            elif ":" in line:
                name, value = line.split(":", 1)
                name = name.lower()
                fields[name] = value.strip()
        if fields.get("enabled", "yes") != "no" and "deb" in fields.get("types", "").split():
            yield from fields.get("uris", "").split()


def one_line_uris(text: str) -> Iterable[str]:
    """The URIs of a *.list file: `deb [options] URI suite component…`"""
    return re.findall(r"^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)", text, re.MULTILINE)
