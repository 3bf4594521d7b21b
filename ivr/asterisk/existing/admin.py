"""What `ivr asterisk install` and `ivr asterisk remove` do."""

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiohttp

from ivr.asterisk import conf
from ivr.asterisk.console import Console
from ivr.asterisk.existing import change
from ivr.asterisk.existing.change import Record
from ivr.asterisk.existing.look import Found, log_of, look
from ivr.asterisk.existing.plan import Change, changes, own_texts
from ivr.asterisk.existing.recordings import Link, share
from ivr.asterisk.fetch import find_asterisk
from ivr.asterisk.install import require_recent
from ivr.asterisk.instance import instance_of, private_of
from ivr.clock import JAPAN
from ivr.errors import AsteriskError
from ivr.settings import Settings

Agree = Callable[[list[str]], bool]
"""Is shown the difference, and says whether to go on."""


@dataclass(frozen=True)
class Installed:
    version: str
    broadcasts: bool
    etc: Path


def record_file(settings: Settings) -> Path:
    return settings.asterisk_base / "existing.json"


async def install(settings: Settings, into: Path, now: datetime, agree: Agree) -> Installed | None:
    """None if `agree` did not. AsteriskError, and everything is as it was, if Asterisk refuses something."""
    console = Console(_program(settings), into / "asterisk.conf", into / "no.log")
    if recorded(settings) is not None:
        raise AsteriskError("it is installed already: `ivr asterisk remove` first", retryable=False)
    found = await look(console)
    require_recent(found.version, "it")
    change.require_unused(await change.contexts_left(console))
    _require_address(settings, found)
    planned = _planned(settings, found)
    if not agree([line for one in planned for line in one.difference()]):
        return None
    await asyncio.to_thread(_share_live, settings, found)
    link = await asyncio.to_thread(share, settings, found.spool)
    backups = settings.asterisk_base / f"backup-{now.astimezone(JAPAN):%Y%m%d-%H%M%S}"
    try:
        await asyncio.to_thread(change.write, planned, backups)
        errors = await change.read_again(console, found.logs, found.missing)
        if wrong := await change.refused(console, found.broadcasts, found.missing) + await _unanswered(
            settings
        ):
            raise AsteriskError(
                "\n  ".join(["Asterisk refused it, and everything is as it was:", *wrong, *errors[-8:]])
            )
    except BaseException:
        await asyncio.to_thread(change.undo, planned)
        if link is not None:
            link.undo()
        await change.read_again(console, found.logs)
        raise
    _record(found, planned, link).save(record_file(settings))
    await asyncio.to_thread(_leave_to_the_engine, settings)
    return Installed(found.version, found.broadcasts, found.etc)


async def remove(settings: Settings) -> list[str]:
    """Files that had lost our lines already. AsteriskError if nothing was installed, or Asterisk does not run."""
    record = recorded(settings)
    if record is None:
        raise AsteriskError("nothing was installed by this data directory (IVR_DATA)", retryable=False)
    console = console_of(settings, record)
    await console.cli("core show uptime")
    gone = await asyncio.to_thread(change.take_out, record)
    await change.read_again(console, Path(record.logs))
    record_file(settings).unlink()
    if left := await change.contexts_left(console):
        raise AsteriskError(
            f"Asterisk still has {', '.join(left)}: something else includes our files", retryable=False
        )
    return gone


def console_of(settings: Settings, record: Record | None) -> Console:
    """Of the Asterisk that serves us: the one of `record`, else our own."""
    if record is None:
        return private_of(settings, settings.clock_offset).console
    return Console(_program(settings), Path(record.etc) / "asterisk.conf", log_of(Path(record.logs)))


def recorded(settings: Settings) -> Record | None:
    """The Asterisk that `install` connected; None: our own serves us, or none yet."""
    return Record.load(record_file(settings))


def _program(settings: Settings) -> Sequence[str]:
    """Any will do to ask one that runs, wherever its modules are."""
    found = shutil.which(settings.asterisk or "asterisk")
    return (found,) if found else find_asterisk(settings.asterisk).command


def _require_address(settings: Settings, found: Found) -> None:
    if found.http is None or found.http == str(settings.ari):
        return
    host, _, port = found.http.rpartition(":")
    if host in ("0.0.0.0", "[::]") and port == str(settings.ari.port):
        return
    raise AsteriskError(
        f"its HTTP server listens on {found.http}: set IVR_ARI=127.0.0.1:{port}, and try again",
        retryable=False,
    )


def _planned(settings: Settings, found: Found) -> list[Change]:
    ours = instance_of(settings, settings.clock_offset)
    passwords = conf.ari_passwords(settings.asterisk_base)
    rendered = conf.render_own(ours, passwords, ours.etc, broadcasts=found.broadcasts)
    texts = own_texts(
        rendered,
        found.etc,
        ari=found.ari,
        http=found.http is not None,
        address=str(settings.ari),
        missing=found.missing,
    )
    return changes(found.etc, texts)


def _share_live(settings: Settings, found: Found) -> None:
    """What we write later is read by Asterisk's group, and by nobody else."""
    live = settings.asterisk_base / "etc"
    live.mkdir(parents=True, exist_ok=True)
    owner = found.etc / "extensions.conf"
    if owner.exists():
        shutil.chown(live, group=owner.stat().st_gid)
    live.chmod(0o2750)


def _leave_to_the_engine(settings: Settings) -> None:
    """What root has just made in the data directory is the engine's, who runs as the owner of that; groups stay."""
    if os.geteuid() != 0:
        return
    owner = settings.data.stat().st_uid
    for path in (settings.asterisk_base, *settings.asterisk_base.rglob("*")):
        os.chown(path, owner, -1, follow_symlinks=False)


async def _unanswered(settings: Settings) -> list[str]:
    """Why the engine could not talk to it; empty: it can."""
    login = aiohttp.encode_basic_auth(conf.ENGINE, conf.ari_passwords(settings.asterisk_base).engine)
    timeout = aiohttp.ClientTimeout(total=5)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers={"Authorization": login}) as session,
            session.get(f"http://{settings.ari}/ari/asterisk/ping") as answer,
        ):
            if answer.status == 200:
                return []
            reason = f"{answer.status} {answer.reason}"
    except (aiohttp.ClientError, TimeoutError) as error:
        reason = str(error) or repr(error)
    return [f"ARI at {settings.ari} (IVR_ARI) does not answer the engine: {reason}"]


def _record(found: Found, planned: list[Change], link: Link | None) -> Record:
    blocks = {one.path.name: one.block for one in planned if one.block is not None}
    own = [one.path.name for one in planned if one.path.name.startswith("ivr_")]
    made = [one.path.name for one in planned if one.before is None]
    return Record(str(found.etc), str(found.logs), found.broadcasts, blocks, own, made, link)
