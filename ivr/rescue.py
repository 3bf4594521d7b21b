"""The callers of an engine that is dead: handed to the fallback, or left alone where that is better.

| a caller who | |
|---|---|
| talks to an agent | is left alone; when one of the two hangs up, the other is hung up |
| is leaving a message | finishes it, then hears the thanks; the reconciler files it |
| does anything else | goes to the fallback |

Agents' telephones that ring for them stop. Run it after the engine's death and before a new one connects.
"""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ivr.asterisk.ari import Ari, AriRefused
from ivr.asterisk.channel import AGENT
from ivr.errors import AsteriskError

log = logging.getLogger("ivr.rescue")

LIMIT = 1.5  # seconds for all of them: with the 2 s to notice, under the 4 s that a caller may wait
EVERY = 1.0  # seconds between two looks at talks that were left alone
PLAYBACKS = 60  # of one call, that are looked for


class Rescue:
    """`app`: the engine's ARI application. `recordings`: holds `messages/`."""

    def __init__(self, ari: Ari, app: str, recordings: Path) -> None:
        self._ari = ari
        self._app = app
        self._recordings = recordings
        self._talking: set[str] = set()

    async def run(self) -> None:
        """Never raises, never longer than LIMIT."""
        try:
            async with asyncio.timeout(LIMIT):
                await self._run()
        except (AsteriskError, TimeoutError) as error:
            log.error("the callers of a dead engine could not be rescued", extra={"error": repr(error)})
        except Exception:  # the guard must live to start the next engine
            log.exception("the callers of a dead engine could not be rescued")

    async def watch(self) -> None:
        """Ends talks that were left alone, when one of the two has left. Until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            if not self._talking:
                continue
            try:
                bridged = await self._bridged()
                over = self._talking - bridged
                for id in over:
                    await self._quietly("DELETE", f"channels/{id}")
                for call in {id.split(AGENT)[0] for id in over}:
                    await self._quietly("DELETE", f"bridges/{call}-b")
                self._talking -= over
            except (AsteriskError, TimeoutError) as error:
                log.warning("talks without an engine are not watched", extra={"error": repr(error)})

    async def _run(self) -> None:
        try:
            owned = set((await self._ari.http("GET", f"applications/{self._app}"))["channel_ids"])
        except AriRefused:
            return  # it was never connected
        channels = {one["id"]: one for one in await self._ari.http("GET", "channels")}
        bridged = await self._bridged()
        # A telephone that rings is known by the id of its call, or of the agent who rings back by it.
        calls = {id.split(AGENT)[0] for id in owned}
        mine = {id: one for id, one in channels.items() if id.split(AGENT)[0] in calls}
        self._talking |= mine.keys() & bridged
        recording = await asyncio.to_thread(self._unfinished)
        alone = [one for id, one in mine.items() if id not in bridged]
        await asyncio.gather(*(self._hand_over(one, recording.get(one["id"])) for one in alone))
        if mine:
            counts = {"handed_over": len(alone), "left_alone": len(mine) - len(alone)}
            log.warning("the callers of a dead engine are looked after", extra=counts)

    async def _hand_over(self, channel: dict[str, Any], recording: str | None) -> None:
        id = channel["id"]
        if AGENT in id:
            await self._quietly("DELETE", f"channels/{id}")
        elif recording is not None and await self._is_live(recording):
            # Asterisk carries it out when the recording has ended.
            await self._quietly(
                "POST", f"channels/{id}/continue?context=ivr-last-resort&extension=s&label=thanks"
            )
        else:
            dialled = quote(await self._dialled(channel), safe="")
            await self._quietly(
                "POST", f"channels/{id}/continue?context=ivr-fallback&extension={dialled}&priority=1"
            )
            await self._stop_playback(id)

    async def _stop_playback(self, id: str) -> None:
        """Asterisk lets a prompt end before the channel goes on. Its id is one that AriCall.next_id makes."""
        for count in range(1, PLAYBACKS):
            for kind in "pw":
                if await self._quietly("DELETE", f"playbacks/{id}-{kind}{count}"):
                    return
            if count % 5 == 1 and not await self._in_stasis(id):
                return

    async def _in_stasis(self, id: str) -> bool:
        try:
            channel = await self._ari.http("GET", f"channels/{id}")
        except AriRefused:
            return False
        return "Stasis" in channel["dialplan"]["app_name"]

    async def _dialled(self, channel: dict[str, Any]) -> str:
        try:
            found = await self._ari.http("GET", f"channels/{channel['id']}/variable?variable=IVR_DIALLED")
        except AriRefused:
            found = {}
        return str(found.get("value") or channel["dialplan"]["exten"])

    async def _bridged(self) -> set[str]:
        """Channels that hear another one."""
        bridges = await self._ari.http("GET", "bridges")
        return {id for bridge in bridges if len(bridge["channels"]) > 1 for id in bridge["channels"]}

    async def _is_live(self, recording: str) -> bool:
        try:
            await self._ari.http("GET", f"recordings/live/{quote(recording, safe='')}")
        except AriRefused:
            return False
        return True

    def _unfinished(self) -> dict[str, str]:
        """Channel id -> name of the recording, of messages whose sidecar does not say that they ended."""
        found = {}
        for path in (self._recordings / "messages").glob("*.json"):
            try:
                intent, *later = map(json.loads, path.read_text("utf-8").splitlines())
                takes = next((line["takes"] for line in reversed(later) if "takes" in line), intent["takes"])
                found[str(intent["call_id"])] = f"messages/{Path(takes[-1]).stem}"
            except (OSError, ValueError, LookupError, TypeError):
                continue  # torn or gone: then this caller goes to the fallback
        return found

    async def _quietly(self, method: str, uri: str) -> bool:
        """False for what is gone: the caller hung up first."""
        try:
            await self._ari.http(method, uri)
        except AriRefused as error:
            if error.status != 404:
                log.error("a caller of a dead engine could not be moved", extra={"error": str(error)})
            return False
        return True
