"""`ivr doctor`: what is missing on this machine and in this instance, in plain words, with what to do.

Each look is a small function that finds what is good, doubtful or bad; none changes anything, and none keeps the others
from looking. A part that is not there yet (no instance running) makes doubtful what cannot be seen without it.
"""

import asyncio
import os
import shutil
import smtplib
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.alerts import ROOM
from ivr.asterisk.console import listens
from ivr.asterisk.existing import admin as existing
from ivr.asterisk.existing.change import Record
from ivr.asterisk.existing.look import look
from ivr.asterisk.fetch import find_asterisk
from ivr.checking import check_directory
from ivr.clock import JAPAN, SystemClock
from ivr.errors import AsteriskError, IvrError
from ivr.models import admin as models
from ivr.settings import Address, Settings
from ivr.store import agents, alarms, health, users
from ivr.store.database import opened

Level = Literal["good", "doubtful", "bad"]
PROGRAMS = {
    "ffmpeg": ("audio of messages cannot be made for the browser", "apt-get install ffmpeg"),
    "setpriv": ("processes would outlive the guard", "apt-get install util-linux"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` is so; `todo`: what to do about it, empty if it is good."""

    level: Level
    what: str
    todo: str = ""


Look = Callable[[Settings], AsyncIterator[Finding]]


async def examine(settings: Settings) -> list[Finding]:
    """Every look, in the order in which one would mend."""
    found: list[Finding] = []
    looks: list[Look] = [_programs, _place, _store, _asterisk, _dialplans, _mail]
    if _has_store(settings):
        looks += [_engine, _people, _model]
    for one in looks:
        try:
            found += [finding async for finding in one(settings)]
        except (IvrError, OSError) as error:
            found.append(Finding("bad", f"{one.__name__.strip('_')}: {error}", "mend that first"))
    return found


async def _programs(settings: Settings) -> AsyncIterator[Finding]:
    for name, (otherwise, todo) in PROGRAMS.items():
        if shutil.which(name) is None:
            yield Finding("bad", f"{name} is missing: {otherwise}", todo)
        else:
            yield Finding("good", f"{name} is there")


async def _place(settings: Settings) -> AsyncIterator[Finding]:
    for folder in (settings.data, settings.recordings):
        there = next(one for one in (folder, *folder.parents) if one.exists())
        if not os.access(there, os.W_OK):
            yield Finding(
                "bad", f"{folder} cannot be written", f"give it to the user of ivr: chown -R ivr {there}"
            )
            continue
        free = shutil.disk_usage(there).free
        room = f"{free / 1e9:.1f} GB are free at {folder}"
        yield (
            Finding("good", room)
            if free > ROOM
            else Finding("doubtful", room, "make room, or keep messages shorter")
        )


def _has_store(settings: Settings) -> bool:
    return bool(settings.database) or (settings.data / "ivr.db").exists()


@asynccontextmanager
async def _session(settings: Settings) -> AsyncIterator[AsyncSession]:
    async with opened(settings.database_url) as store, store.read() as session:
        yield session


async def _store(settings: Settings) -> AsyncIterator[Finding]:
    if not _has_store(settings):
        yield Finding("doubtful", "there is no store yet", "ivr run makes it at its first start")
        return
    async with _session(settings) as session:
        await session.execute(text("SELECT 1"))
    yield Finding("good", "the store answers")


async def _asterisk(settings: Settings) -> AsyncIterator[Finding]:
    record = existing.recorded(settings)
    if record is None:
        install = await asyncio.to_thread(find_asterisk, settings.asterisk)
        yield Finding("good", f"Asterisk {install.version} is there for `ivr run --asterisk`")
    else:
        async for finding in _existing(settings, record):
            yield finding
    if not await listens(settings.ari):
        yield Finding("doubtful", f"nothing listens at IVR_ARI={settings.ari}", "start ivr run, or Asterisk")


async def _existing(settings: Settings, record: Record) -> AsyncIterator[Finding]:
    try:
        found = await look(existing.console_of(settings, record))
    except AsteriskError:
        yield Finding(
            "doubtful",
            f"the Asterisk at {record.etc} cannot be asked: it does not run, or not by this user",
            "start it; astctlgroup and astctlpermissions: docs/operator/existing-pbx.md, who runs as whom",
        )
        return
    yield Finding("good", f"Asterisk {found.version} at {record.etc} runs")
    if found.missing:
        yield Finding(
            "bad", f"it lacks {', '.join(found.missing)}", "load them, or install the package they are in"
        )
    if found.broadcasts != record.broadcasts:
        yield Finding("doubtful", "it was upgraded since", "ivr asterisk remove, then install")
    records = found.spool / "recording"
    if records.resolve() != settings.recordings.resolve():
        yield Finding(
            "bad",
            f"it records into {records.resolve()}, not into {settings.recordings} (IVR_RECORDINGS)",
            "ivr asterisk remove, then install",
        )
    theirs, ours = found.spool.stat(), settings.messages.stat()
    if ours.st_gid != theirs.st_gid or not ours.st_mode & stat.S_IWGRP:
        yield Finding(
            "bad",
            f"it cannot record into {settings.messages}",
            f"chgrp {theirs.st_gid} and chmod 2770 {settings.messages}",
        )


async def _engine(settings: Settings) -> AsyncIterator[Finding]:
    async with _session(settings) as session:
        row = await health.get(session, "engine")
        standing = await alarms.standing(session)
        trunks = await health.get(session, "trunks")
    now = SystemClock(settings.clock_offset).now()
    if row is None or not health.is_fresh(row, now):
        yield Finding("doubtful", "no engine runs: callers reach the fallback", "start ivr run")
    elif not row.ok:
        yield Finding(
            "bad", "the engine has no link to Asterisk", f"look into {settings.logs / 'engine.log'}"
        )
    else:
        yield Finding("good", f"the engine takes calls for {row.detail.get('lines', 0)} lines")
    for name, state in (trunks.detail if trunks else {}).items():
        if state["reason"]:
            yield Finding(
                "bad", f"trunk {name}: {state['reason']}", "ivr trunk list; docs/operator/trunks.md"
            )
    for alarm in standing:
        yield Finding("doubtful", f"alarm {alarm.key}: {alarm.text.splitlines()[0]}", "ivr alarms")


async def _dialplans(settings: Settings) -> AsyncIterator[Finding]:
    today = SystemClock(settings.clock_offset).now().astimezone(JAPAN).date()
    problems = await asyncio.to_thread(check_directory, settings, today)
    for problem in problems:
        level: Level = "bad" if problem.severity == "error" else "doubtful"
        yield Finding(level, str(problem), "ivr check")
    if not problems:
        yield Finding("good", f"{settings.dialplans} passes its check")


async def _people(settings: Settings) -> AsyncIterator[Finding]:
    async with _session(settings) as session:
        people, telephones = await users.listing(session), await agents.listing(session)
    if not any(user.role == "admin" for user in people):
        yield Finding("bad", "nobody can log in as an admin", "ivr user add NAME --role admin")
    if not telephones:
        yield Finding(
            "bad",
            "there are no agents: every caller reaches the voicemail",
            "ivr agent add NAME --group GROUP",
        )
    away = [row.name for row in telephones if row.state == "away"]
    if telephones and len(away) == len(telephones):
        yield Finding("doubtful", "every agent is 離席", "ivr agent set NAME available, or on the page")
    silent = [row.name for row in telephones if row.unregistered_at is not None]
    if silent:
        yield Finding(
            "doubtful",
            f"telephones are not registered in Asterisk, and do not ring: {', '.join(silent)}",
            "see that they are switched on and logged in",
        )
    if people and telephones:
        yield Finding("good", f"{len(people)} people may log in, {len(telephones)} agents have telephones")
    if settings.pages_url.startswith("http://") and not settings.http.is_loopback:
        yield Finding(
            "bad",
            f"the pages are reached without TLS ({settings.pages_url})",
            "put a reverse proxy before them",
        )


async def _model(settings: Settings) -> AsyncIterator[Finding]:
    for row in await models.listing(settings):
        if not row["used_by"]:
            continue
        if row.get("missing"):
            yield Finding(
                "bad", f"the model {row['model']} is gone", "ivr model fetch, or ivr model use another one"
            )
        elif row["trial_model"]:
            yield Finding(
                "doubtful",
                f"{', '.join(row['used_by'])} read with the trial model {row['model']}, which knows 562 words",
                "ivr model fetch vosk-model-small-ja-0.22, then ivr model use",
            )
        else:
            yield Finding("good", f"{', '.join(row['used_by'])} read with {row['model']}")


async def _mail(settings: Settings) -> AsyncIterator[Finding]:
    if settings.smtp is None:
        yield Finding(
            "doubtful",
            "no mail leaves (IVR_SMTP is empty): nobody is told by mail",
            "docs/operator/install.md#notices",
        )
        return
    try:
        await asyncio.to_thread(_greet, settings.smtp, settings.smtp_tls)
        yield Finding("good", f"the mail server {settings.smtp} answers")
    except OSError as error:  # smtplib's own are OSErrors, too
        yield Finding(
            "bad",
            f"the mail server {settings.smtp} does not answer: {error}",
            "see IVR_SMTP and its firewall",
        )


def _greet(address: Address, tls: str) -> None:
    kind = smtplib.SMTP_SSL if tls == "tls" else smtplib.SMTP
    with kind(address.host, address.port, timeout=5) as server:
        server.ehlo()
