"""What an Asterisk that runs says of itself."""

import re
from dataclasses import dataclass
from pathlib import Path

from ivr.asterisk.conf import TEMPLATES
from ivr.asterisk.console import Console
from ivr.errors import AsteriskError

# As of the private one, without what depends on the version.
MODULES = tuple(
    name
    for name in re.findall(r"^require = (\S+)\.so$", (TEMPLATES / "modules.conf").read_text("utf-8"), re.M)
    if "stasis_broadcast" not in name
)
_MODULE = re.compile(r"^(\S+)\.so\b.*\bRunning\b", re.M)
_BROADCAST = "app_stasis_broadcast"


@dataclass(frozen=True)
class Found:
    """`http`: host:port of its HTTP server; None: it has none. `ari`: whether that serves ARI."""

    version: str
    etc: Path
    spool: Path
    logs: Path
    http: str | None
    ari: bool
    modules: frozenset[str]

    @property
    def missing(self) -> list[str]:
        """Modules without which a desk cannot be led."""
        return [name for name in MODULES if name not in self.modules]

    @property
    def broadcasts(self) -> bool:
        return _BROADCAST in self.modules


async def look(console: Console) -> Found:
    """AsteriskError if it does not run."""
    said = await console.cli("core show settings")
    http = re.search(r"Server Enabled and Bound to (\S+)", await console.cli("http show status"))
    ari = re.search(r"Enabled: +Yes", await console.cli("ari show status"))
    return Found(
        version=_value(said, "Version"),
        etc=Path(_value(said, "Configuration directory")),
        spool=Path(_value(said, "Spool directory")),
        logs=Path(_value(said, "Log directory")),
        http=http[1] if http else None,
        ari=ari is not None,
        modules=frozenset(_MODULE.findall(await console.cli("module show"))),
    )


def _value(said: str, name: str) -> str:
    found = re.search(rf"^ *{re.escape(name)}: +(\S.*)$", said, re.M)
    if found is None:
        raise AsteriskError(f'"core show settings" says nothing of its {name}', retryable=False)
    return found[1].strip()


def log_of(logs: Path) -> Path:
    """The file into which errors go, by the names that are usual."""
    names = ("messages.log", "messages", "full")
    return next((logs / name for name in names if (logs / name).exists()), logs / names[0])
