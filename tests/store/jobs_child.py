"""A jobs process whose transcriber says ASKED and never answers. Arguments: directory, database URL, its name."""

import asyncio
import sys
from pathlib import Path

from ivr.clock import SystemClock, offset_for
from ivr.jobs import Jobs
from ivr.lines import Lines
from ivr.messages.pipeline import Normalising, Reading
from ivr.messages.reconciler import Reconciler
from ivr.messages.transcription import Transcription
from ivr.store.database import Store
from ivr.transcript import Transcript
from tests.messages_helpers import EVENING, calendars, e164, no_notices


class Endless:
    async def transcribe(self, path: Path, model: str | None = None) -> Transcript:
        print("ASKED", flush=True)
        await asyncio.Event().wait()
        raise AssertionError


async def nothing() -> None:
    return None


async def main(directory: Path, url: str, name: str) -> None:
    store, clock, recordings = (
        await Store.open(url),
        SystemClock(offset_for(EVENING)),
        directory / "recordings",
    )
    stages = (
        Transcription(store, recordings, Endless(), clock),
        Normalising(store, recordings, clock),
        Reading(store, clock, Lines()),
    )
    reconciler = Reconciler(store, recordings, calendars, clock, e164)
    notices = no_notices(store, recordings)
    await Jobs(directory, url, name, stages, reconciler, nothing, notices).run()


asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
