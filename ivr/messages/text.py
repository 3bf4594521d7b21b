"""A transcript as a message's row holds it, whoever made it: the batch, or who listened while the caller spoke."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ivr.store import stages
from ivr.transcript import Transcript

EMPTY = "録音ファイルに音声が入っていません。"  # why there is no text, for agents and operators


def columns(transcript: Transcript, now: datetime) -> Mapping[str, Any]:
    """Of the stage `transcript` when it is done; the reading is due then."""
    return {
        "transcript_text": transcript.text,
        "transcript_words": [asdict(word) for word in transcript.words],
        "transcript_model": transcript.model,
        "transcript_trial": transcript.trial,
        **stages.waiting("reading", now),
    }
