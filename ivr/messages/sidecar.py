"""The sidecar of a message: its intent, on disk before the beep, beside its WAV.

`<recordings>/messages/<id>.json` and `<id>.wav`. The engine and the fallback script write the same
format; the reconciler (`reconciler.py`) files whatever its writer could not file itself.

**Format.** UTF-8, one JSON object a line, each line ends in a newline. The first line is the intent:

    {"id": "01KAM3XJ5M8QW5R0T1V2W3X4Y5", "line": "ecforce", "call_id": "ivr-1763800000.12",
     "cause": "closed", "number": "+819012345678", "withheld": null, "path": ["welcome", "#1"],
     "dialplan": "9f2c…", "origin": "fallback", "created_at": "2026-11-24T02:00:00+00:00",
     "promise": {"priority": "medium", "due": "1 business day", "hours": "office"},
     "takes": ["01KAM3XJ5M8QW5R0T1V2W3X4Y5.wav"], "state": "recording"}

(on ONE line). Each later line is an object whose keys replace those of the lines before it. After the
recording:

    {"state": "recorded", "ended_at": "2026-11-24T02:00:41+00:00", "ended_by": "hangup",
     "seconds": 12.4, "speech": null}

| key | meaning |
|---|---|
| `request` | only of a callback that was asked for by key: `<call id>/<line>/<step>`, the same however often it is written; there is no recording then, and `number` is to be rung back |
| `notice` | only of what a `notify` step tells: `{"about": …, "to": [["mail", "a@example.co.jp"]], "number": false}`, with `request`; there is neither recording nor callback |
| `id` | 26 characters, sorts by time, `new_id`; also the names of the files |
| `line` | key of the line, the dialplan's file name without ending |
| `call_id` | the Asterisk channel's unique id, the same for engine and fallback; null if unknown |
| `cause` | `busy`, `no_agent`, `no_answer`, `closed`, `asked` |
| `number` | E.164, null if withheld |
| `withheld` | null, `anonymous`, `payphone` or `unavailable` |
| `path` | step names and pressed menu keys so far; never collected digits |
| `dialplan` | content hash of the version, or null |
| `origin` | `engine` or `fallback` |
| `created_at`, `ended_at` | RFC 3339 with offset, in the instance's time (`IVR_CLOCK_OFFSET` added) |
| `promise` | what the dialplan promises (`due` as in the YAML, `hours` by name or null, `if_urgent` and `urgent_priority`, which may be missing: `due` and priority if the caller presses the key for it), or null: no callback |
| `joins` | the ticket that the caller adds it to; missing: whichever callback is open for the number |
| `takes` | file names in this folder, in the order recorded; each one after the first, `<id>-2.wav` and so on, has a name of its own, for Asterisk refuses one that exists |
| `why` | why each take was recorded: `first`; `unheard`, `matter`, `number`, when the caller was asked for what was missing; `more`, `instead`, by the caller's key. One that is not said is `unheard`. What is spoken in a take follows what was spoken before; `instead` takes its place |
| `state` | `recording`, then `recorded` |
| `ended_by` | `key`, `silence`, `limit`, `hangup`, `failed` |
| `seconds` | of audio; the reconciler trusts the file instead |
| `urgent` | true: the caller pressed the key that says so |
| `speech` | true: the caller was told of a callback, which is kept; otherwise the reconciler judges |

`id`, `line`, `cause`, `number`, `origin` and `created_at` must be there; `takes` is `["<id>.wav"]` unless said,
`state` is `recording`, `urgent` false, the others null (`path` empty). Unknown keys are ignored. A last line that was torn
by a crash is ignored; a first line that cannot be read makes the sidecar broken.

**Writing.** Write `.<id>.tmp` in the same folder, take `flock(LOCK_EX)` on it, write the intent, fsync,
rename to `<id>.json`, fsync the folder, and keep the file open: so a sidecar that can be seen is whole and
is locked while its writer lives. Append later lines to the same open file and fsync. Whoever ends or dies
releases the lock, and the reconciler takes only sidecars that it can lock. Whoever has committed the
message to the store removes its sidecar.

**Several takes** become one recording, `<id>.wav`, before the message is committed. Of what is spoken in several
ones `<id>-joined.wav` is made first, under another name until it is whole: where it can be seen, it is the
message, whatever else is there. Then what is not needed any more is removed, and at last it gets its name.

**No sidecar at all**: the dialplan beneath the fallback (`asterisk_conf/extensions.conf`, last resort)
puts the facts in the name of the WAV: `<epoch seconds>_<dialled>_<caller, empty if withheld>_<uniqueid>.wav`.
"""

import fcntl
import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from ivr.call import CallbackPromise, Cause, Notice, Why
from ivr.errors import IvrError

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32, in the order of ASCII


class BrokenSidecar(IvrError):
    """A sidecar cannot be read."""


def new_id(at: datetime, chance: int | None = None) -> str:
    """26 characters: 48 bits of milliseconds, 80 bits of chance (`chance`: given instead)."""
    value = int(at.timestamp() * 1000) << 80 | (secrets.randbits(80) if chance is None else chance)
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def id_time(id: str) -> datetime | None:
    """When `new_id` made it; None if it is no such id."""
    if len(id) != 26 or id[0] > "0" or any(letter not in _ALPHABET for letter in id):
        return None  # a 0 in front lasts until the year 3084
    value = 0
    for letter in id:
        value = value << 5 | _ALPHABET.index(letter)
    return datetime.fromtimestamp((value >> 80) / 1000, UTC)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a sidecar says, see the table above."""

    id: str
    line: str
    cause: Cause
    number: str | None
    origin: str
    created_at: datetime
    call_id: str | None = None
    withheld: str | None = None
    path: tuple[str, ...] = ()
    dialplan: str | None = None
    promise: CallbackPromise | None = None
    request: str | None = None
    notice: Notice | None = None
    takes: tuple[str, ...] = ()
    why: tuple[Why, ...] = ()
    state: str = "recording"
    ended_at: datetime | None = None
    ended_by: str | None = None
    speech: bool | None = None
    urgent: bool = False
    joins: str | None = None

    def recordings(self) -> list[tuple[str, Why]]:
        """The takes, and why each was recorded."""
        said: tuple[Why, ...] = self.why or ("first",)
        return [(name, said[at] if at < len(said) else "unheard") for at, name in enumerate(self.takes)]

    def intent(self) -> dict[str, Any]:
        """The first line."""
        promise = self.promise
        return {
            "id": self.id,
            "line": self.line,
            "call_id": self.call_id,
            "cause": self.cause,
            "number": self.number,
            "withheld": self.withheld,
            "path": list(self.path),
            "dialplan": self.dialplan,
            "origin": self.origin,
            "created_at": self.created_at.isoformat(),
            "promise": promise and promise.as_json(),
            "takes": list(self.takes),
            "state": self.state,
            **({"request": self.request} if self.request else {}),
            **({"joins": self.joins} if self.joins else {}),
            **({"notice": _notice_json(self.notice)} if self.notice else {}),
        }


class Sidecar:
    """An open, locked sidecar. Every method blocks: use a thread."""

    def __init__(self, path: Path, descriptor: int, facts: Facts, *, torn: bool = False) -> None:
        self.path = path
        self.facts = facts
        self._values = facts.intent()
        self._descriptor = descriptor
        self._torn = torn

    @classmethod
    def create(cls, folder: Path, facts: Facts) -> "Sidecar":
        """Returns when the intent is on the disk, the folder's entry too."""
        path = folder / f"{facts.id}.json"
        temporary = folder / f".{facts.id}.tmp"
        descriptor = os.open(temporary, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            sidecar = cls(path, descriptor, facts)
            sidecar._write(facts.intent())
            temporary.rename(path)
            sync_folder(folder)
        except BaseException:
            os.close(descriptor)
            temporary.unlink(missing_ok=True)
            raise
        return sidecar

    @classmethod
    def open(cls, path: Path) -> "Sidecar | None":
        """None if its writer lives or it is gone. Raises BrokenSidecar; it stays where it is."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.fstat(descriptor).st_nlink:  # removed by another between our open and our lock
                raise BlockingIOError
            text = os.pread(descriptor, 1_000_000, 0)
            values = _merge(text)
            sidecar = cls(path, descriptor, _facts(values, path.stem), torn=not text.endswith(b"\n"))
            sidecar._values = values
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return sidecar

    def append(self, **changes: Any) -> None:
        """One more line, on the disk when this returns. Keys and values as in the table above."""
        self._write(changes)
        self._values = {**self._values, **changes}
        self.facts = _facts(self._values, self.facts.id)

    def remove(self) -> None:
        """After the message was committed. Releases the lock."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Releases the lock; from now on the reconciler may take it. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, values: dict[str, Any]) -> None:
        line = json.dumps(values, ensure_ascii=False).encode() + b"\n"
        written = os.write(self._descriptor, b"\n" + line if self._torn else line)
        if written < len(line):  # a full disk; what was written is a torn line that readers ignore
            self._torn = True
            raise OSError("the sidecar could not be written whole")
        self._torn = False
        os.fsync(self._descriptor)


def _merge(text: bytes) -> dict[str, Any]:
    first, *later = text.split(b"\n")
    try:
        values = json.loads(first)
    except ValueError as error:
        raise BrokenSidecar("the first line is no JSON") from error
    if not isinstance(values, dict):
        raise BrokenSidecar("the first line is no JSON object")
    for line in later:
        try:
            changes = json.loads(line)
        except ValueError:
            continue  # torn by a crash, or the empty end
        if isinstance(changes, dict):
            values |= changes
    return values


def _facts(values: dict[str, Any], expected: str) -> Facts:
    try:
        if values["id"] != expected or values["cause"] not in get_args(Cause):
            raise ValueError("id or cause")
        promise = values.get("promise")
        takes = tuple(str(name) for name in values.get("takes") or [f"{expected}.wav"])
        if any("/" in name for name in takes):
            raise ValueError("takes")
        why = tuple(values.get("why") or ())
        if any(each not in get_args(Why) for each in why):
            raise ValueError("why")
        notice = values.get("notice")
        if values.get("request") and not (promise or notice):
            raise ValueError("promise")
        ended_at = values.get("ended_at")
        return Facts(
            id=expected,
            line=str(values["line"]),
            cause=values["cause"],
            number=values["number"],
            origin=str(values["origin"]),
            created_at=_moment(values["created_at"]),
            call_id=values.get("call_id"),
            withheld=values.get("withheld"),
            path=tuple(values.get("path") or ()),
            dialplan=values.get("dialplan"),
            promise=CallbackPromise(
                promise["priority"],
                promise["due"],
                promise["hours"],
                promise.get("if_urgent"),
                promise.get("urgent_priority"),
            )
            if promise
            else None,
            request=values.get("request"),
            notice=_notice(notice) if notice else None,
            takes=takes,
            why=why,
            state=str(values.get("state", "recording")),
            ended_at=_moment(ended_at) if ended_at else None,
            ended_by=values.get("ended_by"),
            speech=values.get("speech"),
            urgent=values.get("urgent") is True,
            joins=values.get("joins"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenSidecar("a key is missing or wrong") from error


def _notice_json(notice: Notice) -> dict[str, Any]:
    return {"about": notice.about, "to": [list(place) for place in notice.to], "number": notice.number}


def _notice(values: dict[str, Any]) -> Notice:
    to = tuple((str(channel), str(target)) for channel, target in values["to"])
    return Notice(str(values["about"]), to, bool(values["number"]))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without an offset")
    return moment


def sync_folder(folder: Path) -> None:
    """Puts names that were added, changed or removed on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
