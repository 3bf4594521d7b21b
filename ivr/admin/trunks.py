"""`trunks.yaml` to Asterisk, and how the carriers answer: `ivr trunk`, the start, and a look every EVERY seconds."""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ivr import alerts, orders
from ivr.asterisk import conf, registrations
from ivr.asterisk.ari import Ari, AriRefused
from ivr.asterisk.existing import admin as existing
from ivr.asterisk.numbers import to_e164
from ivr.asterisk.proving import Proof, Proving
from ivr.asterisk.registrations import Registration
from ivr.asterisk.trunks import dial_string, endpoint, files
from ivr.asterisk.ways import in_use
from ivr.clock import Clock, SystemClock
from ivr.dialplan.problems import BadDialplan, Problem, did_you_mean
from ivr.errors import AsteriskError, SettingsError, StoreError
from ivr.outside import Way, national, spelled
from ivr.settings import Settings
from ivr.store import health
from ivr.store.database import Store, opened
from ivr.trunks.load import Trunk, Trunks, load_trunks

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


TEST_LASTS = timedelta(seconds=60)  # for so long the engine leaves calls of ours to ours
ENGINE_PATIENCE = 10.0  # seconds


async def test(settings: Settings, name: str, number: str | None) -> Proof:
    """Rings `number` of ours through the trunk `name`, and takes the call that comes back. IvrError if it cannot be tried."""
    trunks, problems = await asyncio.to_thread(load_trunks, settings.trunks, settings.trunk_passwords)
    if not trunks.by_name and problems:
        raise BadDialplan(problems)
    trunk, to, shown = _to_test(trunks, name, number)
    passwords = conf.ari_passwords(settings.asterisk_base)
    ari = Ari(settings.ari, f"ivr-test-{secrets.token_hex(4)}", conf.ENGINE, passwords.engine)
    proving = Proving(ari, to, shown)
    link = asyncio.create_task(ari.run(proving.on_event))
    try:
        await _linked(ari, settings)
        await _require_room(ari, trunk, 2 if to in trunk.model.numbers else 1)
        async with opened(settings.database_url) as store:
            now = SystemClock(settings.clock_offset).now
            await _leave_to_test(settings, store, now(), to, shown, now() + TEST_LASTS)
            try:
                return await proving.run(Way(dial_string(trunk, to), national(shown)))
            finally:
                with suppress(AsteriskError, StoreError):  # then it ends by itself
                    await _leave_to_test(settings, store, now(), to, shown, now())
    finally:
        link.cancel()
        await asyncio.gather(link, return_exceptions=True)


async def _linked(ari: Ari, settings: Settings) -> None:
    try:
        await ari.send("GET", "asterisk/ping")  # waits for the link
    except AsteriskError:
        raise AsteriskError(
            f"Asterisk does not answer at {settings.ari} (IVR_ARI): is `ivr run` running?", retryable=False
        ) from None


def _to_test(trunks: Trunks, name: str, number: str | None) -> tuple[Trunk, str, str]:
    """The trunk, which number of ours it rings, and which one it shows (E.164); two numbers if there are two."""
    trunk = trunks.by_name.get(name)
    if trunk is None:
        raise SettingsError(f"there is no trunk {name}{did_you_mean(name, trunks.by_name)}")
    ours = [each for one in (trunk, *trunks.by_name.values()) for each in one.model.told_apart]
    to = next((each for each in ours if each != ours[0]), ours[0]) if number is None else to_e164(number)
    if to not in ours:
        raise SettingsError(
            f"{number} is none of our numbers as which a call arrives: {', '.join(spelled(each) for each in dict.fromkeys(ours))}"
        )
    return trunk, to, next((each for each in trunk.model.numbers if each != to), trunk.model.numbers[0])


async def _require_room(ari: Ari, trunk: Trunk, wanted: int) -> None:
    """No caller hears a busy trunk for a test; and by name alone an engine cannot leave a call to us."""
    try:
        await ari.http("GET", "asterisk/modules/app_stasis_broadcast.so")
    except AriRefused:
        raise AsteriskError(
            "the test needs StasisBroadcast (Asterisk 20.17, 22.7 or later): before it, every call goes to the engine. "
            "Ring the number from a telephone instead",
            retryable=False,
        ) from None
    used = (await in_use(ari))[endpoint(trunk.name)]
    if used + wanted > trunk.model.channels:
        raise AsteriskError(
            f"the test needs {wanted} free channels of the trunk, which has {trunk.model.channels}, and {used} of them "
            "are used now",
            retryable=False,
        )


async def _leave_to_test(
    settings: Settings, store: Store, now: datetime, number: str, shown: str, until: datetime
) -> None:
    order = {"number": number, "shown": shown, "until": until.isoformat()}
    try:
        async with asyncio.timeout(ENGINE_PATIENCE):
            refused = await orders.ask(store, settings.run, "engine", "trunk_test", order, now)
    except TimeoutError:
        raise AsteriskError("the engine does not answer: is `ivr run` running?", retryable=False) from None
    if refused:
        raise AsteriskError(refused)


def _state(trunks: Trunks, found: Mapping[str, Registration], name: str) -> dict[str, str]:
    if name in found:
        return asdict(found[name])
    if not trunks.by_name[name].model.registration:
        return {"state": "unregistered by design", "reason": ""}
    return asdict(
        Registration("unreachable", "Asterisk にまだ伝わっていません。ivr trunk apply を実行してください。")
    )


async def ask(settings: Settings) -> dict[str, Registration]:
    """How the carriers stand in the Asterisk that serves us."""
    asterisk = existing.console_of(settings, existing.recorded(settings))
    registered = await asterisk.cli("pjsip show registrations")
    contacts = await asterisk.cli("pjsip show contacts")
    said = await asyncio.to_thread(_tail, asterisk.log)
    return registrations.read(registered, contacts, said)


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
            ok = not any(each.reason for each in found.values())
            await health.beat(session, "trunks", now, ok=ok, detail=detail)
            await alerts.of_trunks(
                session, {name: each.reason for name, each in found.items() if each.reason}, now
            )
