"""The bundle: all that the fallback needs to serve a call when the engine is gone.

    <directory>/                     a link, swapped as a whole: a reader sees the old or the new one
        ivr_fallback.conf            the dialplan; deploy it as conf.FALLBACK_FILE and reload the dialplan
        lines/<key>.json             one line, see below
        fallback_open.wav …          the prompts of PROMPTS, 8 kHz
    <directory>-last-resort/         record.wav and thanks.wav for the dialplan beneath the bundle; never
                                     removed, so that it speaks whatever becomes of the bundle

A line: `open` are the pairs of seconds since 1970 between which it is open, known up to `until`;
`telephones` are rung together in this order; `queues` is false for a line that never rings anybody;
`promise` is what a message makes (as in a sidecar) if it was left while open, while closed:

    {"tenant": "ecforce", "name": "…", "dialplan": "9f2c…", "open": [[1795312800, 1795338000]],
     "until": 1858428000, "queues": true, "telephones": ["PJSIP/tanaka"], "messages": "/…/messages",
     "clock_offset": 0.0, "promise": {"open": {"priority": "medium", "due": "1 business day",
     "hours": "office"}, "closed": null}}

Read by `asterisk_conf/agi/ivr_fallback.py`.
"""

import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ivr.asterisk.conf import FALLBACK_FILE, TEMPLATES
from ivr.call import CallbackPromise
from ivr.errors import AsteriskError

SCRIPT = TEMPLATES / "agi" / "ivr_fallback.py"
PROMPTS = ("fallback_open", "fallback_closed", "record", "thanks", "goodbye", "beep")
LAST_RESORT = ("record", "thanks")

_KEY = re.compile(r"[A-Za-z0-9_-]+")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_UNREADABLE = re.compile(r'[\n,;"|$\[\](){}]')  # in the argument of a dialplan application


@dataclass(frozen=True, slots=True)
class BundleLine:
    """One line as the fallback sees it; `numbers` are E.164, `open` aware and in order."""

    key: str
    tenant: str
    name: str
    dialplan: str
    numbers: Sequence[str]
    open: Sequence[tuple[datetime, datetime]]
    until: datetime
    queues: bool
    telephones: Sequence[str]
    promise_open: CallbackPromise | None
    promise_closed: CallbackPromise | None


def last_resort(directory: Path) -> Path:
    """Where the prompts of the dialplan beneath the bundle lie."""
    return directory.with_name(f"{directory.name}-last-resort")


def write_bundle(
    directory: Path,
    lines: Sequence[BundleLine],
    prompts: Mapping[str, Path],
    messages: Path,
    clock_offset: float,
    python: Path = Path(sys.executable),
) -> str:
    """Returns the text of the dialplan. Blocks; AsteriskError if it cannot be written: the old one stays.

    `prompts`: name of each of PROMPTS -> its WAV, 8 kHz. `messages`: where recordings go.
    """
    dialplan = render_dialplan(lines, directory.absolute(), python)
    fresh = directory.with_name(f"{directory.name}.{secrets.token_hex(4)}")
    try:
        (fresh / "lines").mkdir(parents=True)
        for line in lines:
            text = json.dumps(_line(line, messages, clock_offset), ensure_ascii=False)
            _write(fresh / "lines" / f"{line.key}.json", text.encode())
        for name in PROMPTS:
            _write(fresh / f"{name}.wav", prompts[name].read_bytes())
        _write(fresh / FALLBACK_FILE, dialplan.encode())
        _keep_last_resort(directory, prompts)
        _swap(directory, fresh)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise AsteriskError(f"the fallback bundle cannot be written: {error}") from error
    for old in directory.parent.glob(f"{directory.name}.*"):
        if old != fresh:
            shutil.rmtree(old, ignore_errors=True)
    return dialplan


def render_dialplan(lines: Sequence[BundleLine], directory: Path, python: Path) -> str:
    """Stands inside [ivr-fallback]; each number as it may be dialled: +81…, 81… and 0…"""
    text = ["; Written at each publish; changes made here are lost.\n"]
    for line in lines:
        if not _KEY.fullmatch(line.key) or not all(map(_E164.fullmatch, line.numbers)):
            raise AsteriskError(f"{line.key}: key or number cannot stand in a dialplan", retryable=False)
        arguments = (python, "-I", SCRIPT, directory, line.key)
        for argument in map(str, arguments):
            if _UNREADABLE.search(argument):
                raise AsteriskError(f"{argument} cannot stand in a dialplan", retryable=False)
        call = ",".join(map(str, arguments))
        for number in line.numbers:
            text.append(_NUMBER.format(number=number, call=call))
            forms = [number[1:], *(["0" + number[3:]] if number.startswith("+81") else [])]
            text += [f"exten => {form},1,Goto({number},1)\n" for form in forms]
    return "".join(text)


_NUMBER = """
exten => {number},1,AGI({call})
 same => n,GotoIf($["${{AGISTATUS}}" = "SUCCESS"]?served)
 same => n,Goto(ivr-last-resort,s,1)
 same => n(served),Hangup()
"""


def _line(line: BundleLine, messages: Path, clock_offset: float) -> dict[str, object]:
    return {
        "tenant": line.tenant,
        "name": line.name,
        "dialplan": line.dialplan,
        "open": [[round(begin.timestamp()), round(end.timestamp())] for begin, end in line.open],
        "until": round(line.until.timestamp()),
        "queues": line.queues,
        "telephones": list(line.telephones),
        "messages": str(messages.absolute()),
        "clock_offset": clock_offset,
        "promise": {
            "open": line.promise_open and line.promise_open.as_json(),
            "closed": line.promise_closed and line.promise_closed.as_json(),
        },
    }


def _keep_last_resort(directory: Path, prompts: Mapping[str, Path]) -> None:
    place = last_resort(directory)
    place.mkdir(parents=True, exist_ok=True)
    for name in LAST_RESORT:
        draft = place / f".{name}"
        _write(draft, prompts[name].read_bytes())
        draft.replace(place / f"{name}.wav")


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _swap(directory: Path, fresh: Path) -> None:
    """`directory` becomes a link to `fresh`, in one step."""
    draft = directory.with_name(f".{directory.name}.link")
    draft.unlink(missing_ok=True)
    draft.symlink_to(fresh.name)
    draft.replace(directory)
    folder = os.open(directory.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
