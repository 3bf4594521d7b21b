"""How many messages an hour go through the whole pipeline: `python -m bench.pipeline [--messages 200] [--seconds 30]`.

Messages as the fallback leaves them (sidecar and WAV) are put down all at once; a jobs process with the real job engine,
a real transcriber with the trial model and the real ffmpeg file them, make their audio and their text, and read it. None
may be lost: every one has one callback, audio, text and reading. The engine is not there at all: nothing here runs in
its process. Fails below 2,000 an hour.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from bench.transcribe import a_minute
from ivr.messages.sidecar import new_id
from ivr.settings import load
from ivr.store.database import Store
from ivr.store.migrate import migrate
from ivr.store.tables import CallbackRow, MessageRow
from tests.messages_helpers import publish
from tests.speech import wav
from tests.transcriber_process import TINY, TranscriberProcess

LEAST = 2000  # an hour
PATIENCE = 1800.0


def leave(folder: Path, samples: bytes) -> str:
    now = datetime.now(UTC)
    id = new_id(now)
    # Nobody shows a number: a caller who is known again has one callback for all of his messages.
    intent: dict[str, object] = {"id": id, "line": "ecforce", "cause": "closed", "origin": "fallback"}
    intent |= {"number": None, "withheld": "anonymous"}
    intent |= {
        "created_at": now.isoformat(),
        "state": "recorded",
        "ended_by": "key",
        "ended_at": now.isoformat(),
    }
    intent["promise"] = {"priority": "medium", "due": "1 business day", "hours": None}
    (folder / f"{id}.wav").write_bytes(wav(samples, 8000))
    draft = folder / f".{id}.tmp"
    draft.write_text(json.dumps(intent) + "\n")
    draft.rename(folder / f"{id}.json")
    return id


async def finished(store: Store) -> dict[str, int]:
    """Messages in each final state of their stages, such as "done done done"."""
    async with store.read() as session:
        columns = (MessageRow.audio_state, MessageRow.transcript_state, MessageRow.reading_state)
        rows = await session.execute(select(*columns, func.count()).group_by(*columns))
        return {" ".join(states): count for *states, count in rows}


async def measure(directory: Path, count: int, seconds: int) -> float:
    environ = {**os.environ, "IVR_DATA": str(directory / "var")}
    settings = load(environ)
    settings.messages.mkdir(parents=True)
    settings.run.mkdir()
    migrate(settings.database_url)
    samples = a_minute()[: seconds * 16000]
    store = await Store.open(settings.database_url)
    await publish(store)
    ids = {leave(settings.messages, samples) for _ in range(count)}
    with TranscriberProcess(directory / "log", TINY, settings.recordings) as transcriber:
        environ["IVR_TRANSCRIBER"] = transcriber.url.removeprefix("http://")
        log = (directory / "jobs.log").open("wb")
        began = time.perf_counter()
        jobs = subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-m", "ivr.cli", "process", "jobs"], env=environ, stdout=log, stderr=log
        )
        try:
            while (done := (await finished(store)).get("done done done", 0)) < count:
                assert jobs.poll() is None, (directory / "jobs.log").read_text()[-2000:]
                assert time.perf_counter() - began < PATIENCE, await finished(store)
                await asyncio.sleep(0.2)
            took = time.perf_counter() - began
        finally:
            jobs.terminate()
            jobs.wait()
            log.close()
    async with store.read() as session:
        there = set(await session.scalars(select(MessageRow.id)))
        callbacks = list(await session.scalars(select(CallbackRow.message_id)))
    await store.close()
    assert there == ids and sorted(callbacks, key=str) == sorted(ids), (
        "a message or a callback was lost or doubled"
    )
    rate = done / took * 3600
    print(
        f"{done} messages of {seconds} s: {took:.1f} s from start of the jobs process, {rate:,.0f} an hour, "
        f"none lost, one callback each; {os.cpu_count()} cores"
    )
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(prog="script/bench pipeline", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=30, help="length of each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        rate = asyncio.run(measure(Path(directory), options.messages, options.seconds))
    sys.exit(rate < LEAST)


if __name__ == "__main__":
    main()
