"""A model tried in a child process, because a bad one can abort the process that loads it. Imports no Vosk."""

import asyncio
import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

TRY_SECONDS = 180  # a large model on a slow disk
READ_SECONDS = 3600  # a long recording

_ROOT = Path(__file__).resolve().parent.parent


class ModelError(Exception):
    """The model cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Trial:
    """`trouble`: what is the matter with the model, or None. Seconds are of the processor; `memory` in bytes.

    What was understood: `text` of a recording of `duration` seconds, in `seconds`.
    """

    trouble: str | None
    rate: int = 0
    load_seconds: float = 0.0
    memory: int = 0
    text: str = ""
    duration: float = 0.0
    seconds: float = 0.0


def model_rate(directory: Path) -> int:
    """Hz that the model was made for. Vosk refuses other rates, or converts them, as that same file says."""
    rate = 16000.0
    try:
        for line in (directory / "conf" / "mfcc.conf").read_text().splitlines():
            name, _, value = line.partition("#")[0].strip().partition("=")
            if name == "--sample-frequency":
                rate = float(value)
    except (OSError, ValueError) as error:
        raise ModelError("conf/mfcc.conf cannot be read") from error
    if not 4000 <= rate <= 192_000 or rate % 1:
        raise ModelError("conf/mfcc.conf has a --sample-frequency that cannot be")
    return int(rate)


async def tried(directory: Path, wav: Path | None = None) -> Trial:
    """Half a second of silence is decoded, or `wav`; absolute paths."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "transcribe.recognizer", str(directory)),
        *([str(wav)] if wav else []),
        cwd=_ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, said = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode == 0:
        return Trial(None, **json.loads(out))
    if child.returncode == -signal.SIGALRM:
        return Trial(f"it did not load within {TRY_SECONDS} seconds, or not read within {READ_SECONDS}")
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    of_kaldi = [line for line in lines if line.startswith(("ERROR", "ASSERTION_FAILED"))]
    return Trial((of_kaldi or lines or [f"its trial ended with {child.returncode}"])[-1][:300])
