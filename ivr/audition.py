"""`ivr say` and `ivr prompts`: prompts as callers hear them, without a call."""

import json
import shutil
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

from ivr.dialplan.load import load_all
from ivr.dialplan.problems import BadDialplan
from ivr.dialplan.readings import load_readings
from ivr.dialplan.texts import GREETING_DAYS, all_texts
from ivr.errors import IvrError
from ivr.prompts.library import RECORDED, PromptLibrary, recording_name
from ivr.settings import Settings
from ivr.steps import STEPS

PLAYERS = ("paplay", "aplay", "afplay")


def say(settings: Settings, text: str, out: Path | None) -> None:
    """Saves 8 kHz WAV at `out`, or plays it; SynthesisError if it cannot be spoken."""
    made = library_of(settings).make(text)
    wav = made.with_name(f"{made.name}.wav")
    if out is not None:
        shutil.copyfile(wav, out)
        return
    player = next(filter(None, map(shutil.which, PLAYERS)), None)
    if player is None:
        raise IvrError(f"nothing here plays sound ({', '.join(PLAYERS)}); save it by --out FILE")
    subprocess.run([player, str(wav)], check=True)


def prompts(settings: Settings, today: date, line: str | None) -> list[dict[str, Any]]:
    """Every text of the dialplans: where it is said, its audio, seconds, and where that is from.

    `source` is "recorded", "synthesised", or "missing" until `ivr publish` speaks it; `record_as` names
    the file of IVR_PROMPTS that would be played instead of the voice.
    """
    dialplans, problems = load_all(settings.dialplans, STEPS)
    if errors := [problem for problem in problems if problem.severity == "error"]:
        raise IvrError("\n".join(map(str, errors)))
    library = library_of(settings)
    return [
        {
            "line": dialplan.key,
            "text": text,
            **audio(library, text),
            "record_as": None if text.startswith(RECORDED) else f"{recording_name(text)}.wav",
        }
        for dialplan in dialplans.values()
        if line in (None, dialplan.key)
        for text in all_texts(dialplan, today, GREETING_DAYS)
    ]


def audio(library: PromptLibrary, text: str) -> dict[str, Any]:
    """`source`, `seconds` and `audio` (path of the WAV) of one prompt, as it is now."""
    base = library.path(text)
    if base is None or library.missing([text]):
        return {"source": "missing", "seconds": None, "audio": None}
    about = json.loads(base.with_name(f"{base.name}.json").read_bytes())
    source = "synthesised" if about["source"] == "synthesised" else "recorded"
    return {"source": source, "seconds": about["seconds"], "audio": f"{base}.wav"}


def library_of(settings: Settings) -> PromptLibrary:
    """With the readings as they stand on disk, tried before they are live. BadDialplan if they are wrong."""
    readings, problems = load_readings(settings.dialplans)
    if readings is None:
        raise BadDialplan(problems)
    return PromptLibrary(settings.prompt_cache, settings.prompts, readings)
