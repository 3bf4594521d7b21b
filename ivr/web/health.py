"""`/healthz`: this process lives. `/readyz`: calls can be taken, or why not."""

import json
from datetime import datetime
from typing import Literal

from aiohttp import web

from ivr.errors import StoreError
from ivr.store import alarms, health
from ivr.store.tables import Health
from ivr.web.keys import CLOCK, STORE

Engine = Literal["alive", "stopping", "cut", "dead"]


async def healthz(request: web.Request) -> web.Response:
    return web.json_response({"ok": True})


async def readyz(request: web.Request) -> web.Response:
    """503 unless the engine wrote within 3 s that its ARI link is up; the reason is in the JSON.

    `alarms` counts what somebody must look at: calls are taken all the same. `trunks`: how each carrier stands that
    was asked, and its answer in plain words.
    """
    try:
        async with request.app[STORE].read() as db:
            row = await health.get(db, "engine")
            trunks = await health.get(db, "trunks")
            standing = len(await alarms.standing(db))
    except StoreError as error:
        return _not_ready("store", str(error))
    reason = why_not(row, request.app[CLOCK].now())
    if reason is not None:
        return _not_ready("engine", reason)
    answer = {"ready": True, "alarms": standing, "trunks": trunks.detail if trunks else {}}
    return web.json_response(answer, dumps=_in_words)


def _in_words(answer: object) -> str:
    """People read it by curl."""
    return json.dumps(answer, ensure_ascii=False)


def _not_ready(part: str, reason: str) -> web.Response:
    return web.json_response({"ready": False, "part": part, "reason": reason}, status=503)


def engine(row: Health | None, now: datetime) -> Engine:
    """How the engine stands that wrote this; while it is alive or stopping, what it says of callers and telephones is true."""
    if row is None or not health.is_fresh(row, now):
        return "dead"
    if row.ok:
        return "alive"
    return "stopping" if row.detail.get("draining") else "cut"


def why_not(row: Health | None, now: datetime) -> str | None:
    """Why calls cannot be taken; `row`: of the engine."""
    if row is None:
        return "the engine has never reported"
    stands = engine(row, now)
    if stands == "dead":
        return f"the engine has not reported for {abs((now - row.at).total_seconds()):.0f} seconds"
    if stands != "alive":
        return "the engine is being stopped" if stands == "stopping" else "the ARI link is dead"
    if row.detail.get("lines") == 0:
        return "no line is live yet"
    return None
