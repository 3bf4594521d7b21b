"""Rows as the other rooms would write them, and times in Japan."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ivr.store import stages

TOKYO = ZoneInfo("Asia/Tokyo")
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=TOKYO)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def call(call_id: str, **changed: Any) -> dict[str, Any]:
    row = {
        "id": call_id,
        "line": "ecforce",
        "tenant": "ecforce",
        "dialplan": "abc",
        "number": "+819012345678",
        "withheld": None,
        "dialled": "05031859080",
        "engine": "1",
        "started_at": NOON,
        "ended_at": None,
        "outcome": "in_progress",
        "cause": None,
        "path": ["welcome", "menu", "#1"],
        "path_times": [0.0, 4.0, 9.5],
        "state": {"step": "menu", "variables": {"名前": "田中"}},
        "keys_received": 2,
        "keys_used": 2,
        "keys_emptied": 0,
        "answers": None,
    }
    return {**row, **changed}


def message(message_id: str, **changed: Any) -> dict[str, Any]:
    row = {
        "id": message_id,
        "call_id": "c1",
        "line": "ecforce",
        "tenant": "ecforce",
        "cause": "closed",
        "number": "+819012345678",
        "withheld": None,
        "audio": f"messages/{message_id}.wav",
        "origin": "engine",
        "created_at": NOON,
    }
    return {**row, **changed}


def callback(ticket: str, **changed: Any) -> dict[str, Any]:
    row = {
        "ticket": ticket,
        "line": "ecforce",
        "tenant": "ecforce",
        "state": "open",
        "cause": "closed",
        "priority": "medium",
        "number": "+819012345678",
        "path": ["welcome"],
        "due_at": datetime(2026, 11, 25, 8, 0, tzinfo=UTC),
    }
    return {**row, **changed}


def contact(ticket: str, **changed: Any) -> dict[str, Any]:
    row = {
        "ticket": ticket,
        "told_ticket": ticket,
        "tenant": "ecforce",
        "line": "ecforce",
        "source": "message",
        "cause": "closed",
        "path": ["welcome"],
        "priority": "medium",
        "created_at": NOON,
    }
    return {**row, **changed}


def transcript(text: str, at: datetime, **changed: Any) -> dict[str, Any]:
    """What the pipeline writes with the end of the stage."""
    made = {
        "transcript_text": text,
        "transcript_words": [],
        "transcript_model": "vosk-tiny-ja",
        "transcript_trial": True,
    }
    return {**made, **stages.waiting("reading", at), **changed}
