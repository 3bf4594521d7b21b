"""What `ivr model list`, `verify`, `try` and `use` do."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ivr.clock import SystemClock
from ivr.errors import ModelFailed, NotFound
from ivr.messages.transcriber import HttpTranscriber, TranscriptionFailed
from ivr.models import manifest
from ivr.models.shelf import Shelf
from ivr.settings import Address, Settings
from ivr.store import dialplans, model_uses
from ivr.store.database import opened
from transcribe.trying import Trial


async def listing(settings: Settings) -> list[dict[str, Any]]:
    shelf = Shelf(settings)
    async with opened(settings.database_url) as store, store.read() as session:
        uses = await model_uses.of_lines(session)
    names = sorted({*shelf.names(), *uses.values()})
    return [await asyncio.to_thread(_about, shelf, name, uses) for name in names]


def _about(shelf: Shelf, name: str, uses: dict[str, str]) -> dict[str, Any]:
    last = shelf.last_trial(name)
    lines = [line for line, model in uses.items() if model == name and line != model_uses.ALL]
    if name == uses.get(model_uses.ALL, shelf.default):
        lines.insert(0, "all others" if any(line != model_uses.ALL for line in uses) else "all lines")
    try:
        megabytes = round(shelf.size(name) / 1e6, 1)
    except NotFound:  # deleted by hand, or IVR_MODEL names a directory that is not there
        return {"model": name, "used_by": lines, "missing": True}
    if not megabytes:
        return {"model": name, "used_by": lines, "missing": True}
    return {
        "model": name,
        "megabytes": megabytes,
        "rate": shelf.rate(name),
        "trial_model": shelf.is_trial(name) or None,
        "used_by": lines,
        "tried": last.at if last else None,
        "result": (last.trouble or "good") if last else None,
        "memory_mb": round(last.memory / 1e6) if last and last.memory else None,
    }


async def verify(settings: Settings, name: str) -> Sequence[str]:
    """What is wrong with its files; empty: nothing. NotFound, ModelFailed."""
    return await asyncio.to_thread(manifest.differences, Shelf(settings).directory(name), name)


async def attempt(settings: Settings, name: str, wav: Path | None) -> Trial:
    if wav is not None and not await asyncio.to_thread(wav.is_file):
        raise NotFound(f"there is no file {wav}")
    return await Shelf(settings).attempt(name, SystemClock(settings.clock_offset).now(), wav)


async def use(settings: Settings, name: str, line: str | None, by: str) -> list[str]:
    """From the next recording on. Which transcribers could not be asked. ModelFailed if it cannot be used, NotFound."""
    now = SystemClock(settings.clock_offset).now()
    trial = await Shelf(settings).attempt(name, now)
    if trial.trouble is not None:
        raise ModelFailed(f"{name} is not taken, for its trial failed: {trial.trouble}")
    async with opened(settings.database_url) as store:
        async with store.read() as session:
            lines = [live.key for live in await dialplans.live(session)]
        if line is not None and line not in lines:
            raise NotFound(f'there is no live line "{line}"; there are: {", ".join(lines) or "none"}')
        silent = [str(at) for at in settings.transcriber if not await _can(settings, at, name)]
        async with store.write() as session:
            await model_uses.use(session, name, line=line, at=now, by=by)
    return silent


async def _can(settings: Settings, at: Address, name: str) -> bool:
    """False if it does not answer. ModelFailed if it is there and cannot use the model: it may be on another machine."""
    transcriber = HttpTranscriber(f"http://{at}", key=settings.transcriber_key, timeout=200.0)
    try:
        await transcriber.load(name)
    except TranscriptionFailed as failure:
        if failure.code in ("no_model", "broken_model"):
            raise ModelFailed(
                f"{name} is not taken, for the transcriber at {at} cannot use it: {failure}"
            ) from None
        if failure.code != "unreachable":
            raise
        return False
    return True
