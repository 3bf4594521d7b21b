"""Puts our files into an Asterisk that was there before, has it read them, judges what came of it, and takes them out.

There is no dry run in Asterisk, and a reload says nothing of what it refused: so its log is read, and what is loaded is
compared. What is refused is undone. What was done stands in a record, by which every file becomes what it was.
"""

import asyncio
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ivr.asterisk.console import Console
from ivr.asterisk.existing.look import log_of
from ivr.asterisk.existing.plan import Change
from ivr.asterisk.existing.recordings import Link
from ivr.errors import AsteriskError

log = logging.getLogger("ivr.asterisk.existing")

CONTEXTS = ("ivr-in", "ivr-fallback", "ivr-last-resort", "ivr-ears", "ivr-agents")
READ_AGAIN = (
    "module reload http",
    "module reload res_ari.so",
    "module reload res_pjsip.so",
    "dialplan reload",
)
SETTLE = 1.0  # seconds until what a reload says is in the log


@dataclass(frozen=True)
class Record:
    """`blocks`: file -> what was added to it; `own`: files that are ours alone. `made`: files that were not there."""

    etc: str
    logs: str
    broadcasts: bool
    blocks: dict[str, str]
    own: list[str]
    made: list[str]
    link: Link | None

    def save(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n", "utf-8")
        draft.replace(file)

    @classmethod
    def load(cls, file: Path) -> "Record | None":
        try:
            values: dict[str, Any] = json.loads(file.read_text("utf-8"))
        except FileNotFoundError:
            return None
        link = values.pop("link")
        return cls(**values, link=Link(**link) if link else None)


def write(changes: Sequence[Change], backups: Path) -> None:
    """Each file whole or not at all, with the owner and the mode of the one before, or of extensions.conf."""
    backups.mkdir(mode=0o700, parents=True, exist_ok=True)
    for change in changes:
        if change.before is not None:
            (backups / change.path.name).write_bytes(change.before)
    for change in changes:
        _replace(change.path, change.after)


def undo(changes: Sequence[Change]) -> None:
    for change in reversed(changes):
        if change.before is None:
            change.path.unlink(missing_ok=True)
        else:
            _replace(change.path, change.before)


def take_out(record: Record) -> list[str]:
    """Every file as it was; what others changed meanwhile stays. Names of files from which our lines were gone already."""
    etc, gone = Path(record.etc), []
    for name, block in record.blocks.items():
        path = etc / name
        text = path.read_bytes().decode("utf-8", "surrogateescape") if path.exists() else ""
        if block not in text:
            gone.append(name)
            continue
        left = text.replace(block, "", 1)
        if not left and name in record.made:
            path.unlink()
        else:
            _replace(path, left.encode("utf-8", "surrogateescape"))
    for name in record.own:
        (etc / name).unlink(missing_ok=True)
    if record.link is not None:
        record.link.undo()
    return gone


def _replace(path: Path, content: bytes) -> None:
    path = path.resolve()  # of FreePBX, some are links to files of its modules
    like = path if path.exists() else path.with_name("extensions.conf")
    stat = like.stat() if like.exists() else None
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        if stat is not None:
            os.fchmod(file.fileno(), stat.st_mode & 0o7777 if path.exists() else stat.st_mode & 0o640)
            if os.geteuid() == 0:
                os.fchown(file.fileno(), stat.st_uid, stat.st_gid)
    draft.replace(path)


async def read_again(console: Console, logs: Path, load: Sequence[str] = ()) -> list[str]:
    """What Asterisk logs as errors meanwhile; `load`: modules that are loaded first. Calls go on."""
    file = log_of(logs)
    before = file.stat().st_size if file.exists() else 0
    for name in load:
        await console.cli(f"module load {name}.so")
    for command in READ_AGAIN:
        await console.cli(command, 30)
    await asyncio.sleep(SETTLE)
    said = file.read_bytes()[before:].decode("utf-8", "replace") if file.exists() else ""
    return [line for line in said.splitlines() if "ERROR" in line]


async def refused(console: Console, broadcasts: bool, modules: Sequence[str]) -> list[str]:
    """What of ours Asterisk does not have after it has read everything."""
    wrong = []
    for context in CONTEXTS:
        if f"Context '{context}'" not in await console.cli(f"dialplan show {context}"):
            wrong.append(f"the context [{context}] is not in its dialplan")
    way = "StasisBroadcast(" if broadcasts else "Stasis("
    shown = await console.cli("dialplan show ivr-in")
    if way not in shown or "ivr-fallback" not in shown:
        wrong.append("[ivr-in] does not lead to an engine and to the fallback")
    users = await console.cli("ari show users")
    wrong += [f"ARI has no user {user}" for user in ("ivr-engine", "ivr-guard") if user not in users]
    loaded = await console.cli("module show")
    wrong += [
        f"the module {name}.so cannot be loaded: install it" for name in modules if f"{name}.so" not in loaded
    ]
    return wrong


async def contexts_left(console: Console) -> list[str]:
    return [
        context
        for context in CONTEXTS
        if f"Context '{context}'" in await console.cli(f"dialplan show {context}")
    ]


def require_unused(taken: Sequence[str]) -> None:
    if taken:
        raise AsteriskError(
            f"its dialplan has {', '.join(f'[{name}]' for name in taken)} already: rename that, or take out what is "
            "left of an earlier installation",
            retryable=False,
        )
