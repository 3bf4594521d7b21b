"""What `ivr messages`, `ivr messages show` and `ivr messages run` do."""

from collections.abc import Sequence
from typing import Any

from ivr.clock import SystemClock, iso
from ivr.errors import Conflict
from ivr.lines import Lines
from ivr.messages import promote as promoting
from ivr.messages.transcription import seconds_left
from ivr.settings import Settings
from ivr.store import messages, stages
from ivr.store.database import opened
from ivr.store.tables import MessageRow
from ivr.wake import wake

# What is typed -> what the store calls it.
NAMES: dict[str, stages.Stage] = {"audio": "audio", "text": "transcript", "reading": "reading"}


async def listing(
    settings: Settings, *, limit: int, line: str | None, state: str | None
) -> list[dict[str, Any]]:
    """Newest first; `state`: recording, stored, silent or lost. `text_in`: seconds until its text is expected."""
    async with opened(settings.database_url) as store, store.read() as session:
        found = await messages.listing(session, limit=limit, line=line, state=state)
        return [
            {**_short(row), "text_in": _whole(await seconds_left(session, row, len(settings.transcriber)))}
            for row in found
        ]


async def show(settings: Settings, message_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The message, and its stages in order. NotFound."""
    async with opened(settings.database_url) as store, store.read() as session:
        row = await messages.get(session, message_id)
        left = _whole(await seconds_left(session, row, len(settings.transcriber)))
    about = {
        **_short(row),
        "sha256": row.sha256,
        "audio": row.audio,
        "playback": row.playback,
        "model": row.transcript_model,
    }
    return about, [{**_stage(row, name), **({"in": left} if name == "text" else {})} for name in NAMES]


async def run_again(settings: Settings, message_id: str, names: Sequence[str]) -> None:
    """Conflict if there is nothing to do it with, or it is being done."""
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store, store.write() as session:
        for name in names:
            if not await stages.again(session, NAMES[name], message_id, now):
                raise Conflict(
                    f'"{name}" of message {message_id} cannot be run now: it is being worked on, '
                    "what it is made from was deleted or is not there, or nothing was recorded; "
                    f'see "ivr messages show {message_id}"'
                )
    wake(settings.run, "jobs")


async def promote(settings: Settings, message_id: str) -> str:
    """A message judged silent is one after all: it gets its text and a callback, due from now. The ticket."""
    now = SystemClock(settings.clock_offset).now()
    async with opened(settings.database_url) as store:
        lines = Lines()
        await lines.reload(store)
        ticket = await promoting.promote(store, lines, message_id, now)
    wake(settings.run, "jobs")
    return ticket


def _short(row: MessageRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "line": row.line,
        "state": row.state,
        "kind": row.kind,
        "cause": row.cause,
        "number": row.number,
        "created_at": iso(row.created_at),
        "duration": row.duration,
        "urgent": row.urgent or None,
        **{name: getattr(row, f"{stage}_state") for name, stage in NAMES.items()},
    }


def _stage(row: MessageRow, name: str) -> dict[str, Any]:
    found = {
        part: getattr(row, f"{NAMES[name]}_{part}")
        for part in ("state", "reason", "attempts", "next_at", "at")
    }
    return {
        "stage": name,
        "state": found["state"],
        "reason": found["reason"],
        "attempts": found["attempts"] or None,
        "next": iso(found["next_at"]),
        "ended": iso(found["at"]),
    }


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)
