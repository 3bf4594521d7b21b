"""`trunks.yaml` to Asterisk, and how the carriers answer: `ivr trunk`, the start, and a look every EVERY seconds."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from ivr import alerts, orders
from ivr.asterisk import conf, registrations
from ivr.asterisk.existing import admin as existing
from ivr.asterisk.registrations import Registration
from ivr.asterisk.trunks import files
from ivr.clock import Clock, SystemClock
from ivr.dialplan.problems import BadDialplan, Problem
from ivr.errors import AsteriskError, SettingsError, StoreError
from ivr.settings import Settings
from ivr.store import health
from ivr.store.database import Store, opened
from ivr.trunks.load import Trunks, load_trunks

log = logging.getLogger("ivr.trunks")

EVERY = 15.0  # seconds
LOG_TAIL = 100_000  # bytes of Asterisk's log in which the last answers stand


def write_files(settings: Settings) -> list[Problem]:
    """Has Asterisk know the trunks at its next start or reload. With an error in the file, the last good one stays.

    Blocks.
    """
    trunks, problems = load_trunks(settings.trunks, settings.trunk_passwords)
    errors = [problem for problem in problems if problem.severity == "error"]
    if not errors:
        sip = None if existing.recorded(settings) else str(settings.sip)
        conf.write(files(trunks, sip), settings.asterisk_base / "etc")
    return errors


async def apply(settings: Settings) -> None:
    """What `trunks.yaml` says now becomes live; calls go on. BadDialplan, and nothing has changed, if it has errors."""
    if settings.trunks is None:
        raise SettingsError("IVR_TRUNKS: it names the file of the trunks, and is not set")
    if errors := await asyncio.to_thread(write_files, settings):
        raise BadDialplan(errors)
    async with opened(settings.database_url) as store:
        now = SystemClock(settings.clock_offset).now()
        if refused := await orders.ask(store, settings.run, "engine", "trunks", {}, now):
            raise AsteriskError(refused)


async def states(settings: Settings) -> list[dict[str, Any]]:
    """Each trunk and how its registration stands. BadDialplan; AsteriskError if the private Asterisk does not run."""
    trunks, problems = await asyncio.to_thread(load_trunks, settings.trunks, settings.trunk_passwords)
    if not trunks.by_name and problems:
        raise BadDialplan(problems)
    found = await ask(settings)
    return [
        {
            "trunk": name,
            "template": trunk.model.template,
            "host": trunk.model.host,
            "numbers": list(trunk.model.numbers),
            "channels": trunk.model.channels,
            **_state(trunks, found, name),
        }
        for name, trunk in trunks.by_name.items()
    ]


def _state(trunks: Trunks, found: Mapping[str, Registration], name: str) -> dict[str, str]:
    if not trunks.by_name[name].model.registration:
        return {"state": "unregistered by design", "reason": ""}
    return asdict(
        found.get(
            name,
            Registration(
                "unreachable", "Asterisk にまだ伝わっていません。ivr trunk apply を実行してください。"
            ),
        )
    )


async def ask(settings: Settings) -> dict[str, Registration]:
    """How the registrations stand in the Asterisk that serves us."""
    asterisk = existing.console_of(settings, existing.recorded(settings))
    shown = await asterisk.cli("pjsip show registrations")
    said = await asyncio.to_thread(_tail, asterisk.log)
    return registrations.read(shown, said)


def _tail(file: Path) -> str:
    try:
        with file.open("rb") as opened_file:
            opened_file.seek(max(0, file.stat().st_size - LOG_TAIL))
            return opened_file.read().decode("utf-8", "replace")
    except OSError:
        return ""


class Watching:
    """Writes for the pages and `/readyz` how each carrier stands; an alarm for who does not know us."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled; without trunks, until nothing of earlier ones is left."""
        while True:
            try:
                await self._look(self._clock.now())
                if self._settings.trunks is None:
                    return
            except (AsteriskError, StoreError) as error:
                log.warning("the trunks were not looked at", extra={"error": str(error)})
            await asyncio.sleep(EVERY)

    async def _look(self, now: datetime) -> None:
        found = await ask(self._settings) if self._settings.trunks else {}
        async with self._store.write() as session:
            detail = {name: asdict(each) for name, each in found.items()}
            ok = all(each.state == "registered" for each in found.values())
            await health.beat(session, "trunks", now, ok=ok, detail=detail)
            await alerts.of_trunks(
                session, {name: each.reason for name, each in found.items() if each.reason}, now
            )
