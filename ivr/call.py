"""What a step can do to a caller: the Call protocol, its results, CallState.

Three things implement Call: AriCall (Asterisk), FakeCall (tests, virtual time)
and TerminalCall (`ivr simulate`). Steps cannot tell them apart. Every word
returns when it is finished and says why it ended; only CallerHungUp is raised,
and it is a normal ending. Cancellation means "we are stopping", or, in what only asks and says, that
the caller's visit is over (ivr/dialplan/visit.py).
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

from ivr.keys import DigitsRead, KeyBuffer, KeysRead, KeyTable
from ivr.transcript import Transcript

Cause = Literal["busy", "no_agent", "no_answer", "closed", "asked"]
Outcome = Literal[
    "answered", "message", "silent", "callback", "informed", "abandoned", "turned_away", "rejected", "failed",
    "in_progress",
]  # fmt: skip
Withheld = Literal["anonymous", "payphone", "unavailable"]  # 非通知, 公衆電話, 表示圏外


# Variable of a call to a number that no line has, taken by the default line of its trunk.
BY_DEFAULT = "by_default"
# Variable of a call: the ticket that a message joins which the caller leaves.
JOINS = "joins"


class CallerHungUp(Exception):
    """The caller left. A normal ending, never an error."""


@dataclass(frozen=True, slots=True)
class Caller:
    """`number` is E.164 and None when withheld; then `withheld` says how. `language`: "ja", "en", "pt_BR"."""

    number: str | None
    withheld: Withheld | None = None
    language: str = "ja"


@dataclass(slots=True)
class CallState:
    """All that survives between two steps; saved on entering each of them."""

    call_id: str
    line: str
    dialplan: str  # content hash of the version this call runs on
    step: str | None = None
    outcome: Outcome = "in_progress"
    cause: Cause | None = None
    path: list[str] = field(default_factory=list)  # step names and pressed menu keys
    variables: dict[str, str] = field(default_factory=dict)
    retries: int = 0  # of the present step
    queue_entered_at: str | None = None  # RFC 3339
    message_id: str | None = None
    digits: dict[str, str] = field(default_factory=dict, repr=False)  # collected ones by name
    # Secret ones: never saved. A take-back goes back to the step that asked for them.
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    answers: dict[str, int] = field(default_factory=dict)  # to a survey's questions, 1 to 5

    def as_json(self) -> dict[str, Any]:
        """What is saved: all but the secrets."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "secrets"}

    def entered(self, name: str) -> str:
        """The digits that were collected under `name`; empty if there are none."""
        return self.secrets.get(name) or self.digits.get(name, "")


def since_goto(path: Sequence[str]) -> list[str]:
    """The part of a path that was walked in the call's last line: a goto stands in it as "LINE:STEP"."""
    for index in range(len(path) - 1, -1, -1):
        if ":" in path[index]:
            return [path[index].partition(":")[2], *path[index + 1 :]]
    return list(path)


@dataclass(frozen=True, slots=True)
class Played:
    ended_by: Literal["end", "key"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """`seconds` of audio in the file, computed from the file; 0.0 if there is none.

    `transcript`: what was understood while it was made; None: nobody heard all of it in time, the text comes later.
    """

    ended_by: Literal["key", "silence", "limit", "hangup", "failed"]
    seconds: float = 0.0
    transcript: Transcript | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Dialled:
    """How dialling a telephone outside ended; `answered` means that it and the caller are bridged.

    `cause` (Q.850) and `status` (SIP's) of one that was not reached, where they are known, else 0.
    """

    ended_by: Literal["answered", "busy", "no_answer", "failed"]
    cause: int = field(default=0, compare=False)
    status: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Waited:
    """How waiting in a queue ended: `answered` means the agent and the caller are bridged."""

    ended_by: Literal["answered", "key", "verdict"]
    key: str | None = None  # only with "key"
    cause: Cause | None = None  # only with "verdict"


@dataclass(frozen=True, slots=True)
class Announcement:
    """Said while waiting, once after `after` seconds, then again each `every` seconds.

    `texts` is asked each time: a place in a queue changes. No texts: nothing is said this time.
    """

    texts: Callable[[], Sequence[str]]
    after: float = 0.0
    every: float | None = None


@dataclass(frozen=True, slots=True)
class TalkLimit:
    """A talk ends `seconds` from now: both hear `over` and are parted.

    `warn_after` seconds from now both hear `warning`; None: they are not warned (any more).
    """

    seconds: float
    over: Sequence[str]
    warn_after: float | None = None
    warning: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Talked:
    ended_by: Literal["agent", "limit"]


class Call(Protocol):
    id: str
    caller: Caller
    dialled: str  # as it was dialled
    state: CallState
    keys: KeyBuffer

    async def answer(self) -> None: ...

    async def play(self, *texts: str, whole: bool = False) -> Played:
        """Says `texts` one after the other; a buffered or pressed key ends it and stays buffered.

        `whole`: no key ends it, for what the caller must have heard.
        """

    async def play_recording(self, file: Path) -> Played:
        """What `record` has made (WAV, 8 kHz mono 16 bit), as `play` says a text; "end" if nothing is in it."""

    async def read_keys(self, table: KeyTable, *, first: float) -> KeysRead:
        """Waits `first` seconds for the first key, AFTER_A_KEY for each following one.

        Used keys leave the buffer; on "invalid" and "timeout" the buffer is emptied.
        """

    async def read_digits(self, longest: int, *, end_key: str, first: float, between: float) -> DigitsRead:
        """Digits until `end_key`, `longest` of them, or `between` seconds without a further key.

        Waits `first` seconds for the first one. The buffer is treated as by `read_keys`.
        """

    async def record(
        self, file: Path, *, longest: float, silence: float, end_key: str = "#", hear: bool = False
    ) -> Recorded:
        """Beep, then record to `file` (WAV, 8 kHz mono 16 bit). Hang-up is a result here.

        `hear`: the transcriber listens meanwhile, and the text is waited for (a second at most). That nobody
        can listen changes nothing about the recording.
        """

    def hearing(self, answers: Mapping[str, str]) -> AbstractAsyncContextManager[None]:
        """Inside, a spoken answer counts like the keys that it stands for, e.g. {"はい": "1", "いいえ": "2"}.

        "二|に": two spellings of one sound, of which a model is asked for the first that it knows. With both it would be
        sure of neither.

        What else is said counts as nothing. Where nobody can listen, keys alone count.
        """

    async def wait(self, place: "Place", keys: KeyTable, announcements: Sequence[Announcement]) -> Waited:
        """Music and announcements until an agent of `place` is bridged, a key, or the verdict."""

    async def dial(self, number: str, *texts: str, ring: float) -> Dialled:
        """Says `texts`, then music, while a number outside (E.164) rings for `ring` seconds at most.

        "failed": it cannot be reached, or is none that may be dialled.
        """

    async def talk(self, limit: TalkLimit | None = None) -> Talked:
        """Returns when the bridged agent has left, at the latest by the limit; CallerHungUp when the caller does.

        Without an agent, as after a take-back from a talk that ended meanwhile, it returns at once.
        """

    async def hang_up(self) -> None: ...


# -- what steps need beyond the caller ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seat:
    """An agent's telephone that was reserved for one offer."""

    agent: str
    endpoint: str  # as the telephone system dials it, e.g. "PJSIP/tanaka"


class Offer(Protocol):
    """One caller offered to the free agents together; each is reserved for it already."""

    seats: Sequence[Seat]
    ring: float  # seconds until unanswered

    async def answered(self, agent: str) -> bool:
        """Compare-and-set: True for the first; the others of the offer are freed by `close`."""

    async def close(self, unanswered: Sequence[str], failed: Sequence[str]) -> None:
        """Frees every agent who did not answer.

        `unanswered` rang, `failed` could not ring and rest a moment; who declined is in both.
        """


@dataclass(frozen=True, slots=True)
class Verdict:
    """No (further) offer will come."""

    cause: Literal["busy", "no_answer", "no_agent"]


class Place(Protocol):
    """A caller's place in a queue; leave it in a `finally`."""

    async def next(self) -> "Offer | Verdict":
        """The next offer, or why there will be none. Cancel-safe: a cancelled `next` loses nothing."""

    def ahead(self) -> int:
        """Callers of the group who wait and will be offered before this one."""

    def expected_wait(self) -> timedelta | None:
        """None while it cannot be told."""

    async def leave(self) -> None:
        """Gives up the place, the offer and the agent who talked (wrap-up begins). Idempotent."""


class Seats(Protocol):
    async def enter(
        self,
        call: Call,
        group: str,
        *,
        capacity: int,
        busy_wait: timedelta,
        max_wait: timedelta,
        ring: timedelta,
        entered_at: datetime,
        first: Sequence[str] = (),
    ) -> Place:
        """`first`: agents, of whatever group, who are rung before the group is: alone, one after the other, if free."""

    def on_line(self, line: str) -> int:
        """Callers of `line` who wait or talk."""

    async def expected_wait(self, group: str, line: str) -> timedelta | None:
        """Of a caller of `line` who entered now; None while it cannot be told."""


Why = Literal["first", "unheard", "instead", "more", "matter", "number"]
"""Why a take of a message is recorded: nothing was heard, by the caller's key, or the caller was asked for it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message whose intent is durable: from here on it cannot be lost.

    `file`: of the take that is to be recorded; `takes`: why each one is, that one last.
    """

    id: str
    file: Path
    takes: tuple[Why, ...] = ("first",)


@dataclass(frozen=True, slots=True)
class Taken:
    """A message as it stands after a take: `files`, one behind the other; none: proven non-speech.

    `transcript`: of all of them together; None unless each was heard while it was recorded.
    """

    files: tuple[Path, ...]
    transcript: Transcript | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """`speech` False only for proven non-speech; `ticket` None if no callback was made (yet)."""

    speech: bool
    ticket: str | None


@dataclass(frozen=True, slots=True)
class CallbackPromise:
    """What the dialplan promises: `due` as in the YAML, e.g. "1 business day"; hours by name.

    `if_urgent`: by when at the latest, if the caller says by a key that it is urgent; it has then
    `urgent_priority` at least, None: what is usual.
    """

    priority: str
    due: str
    hours: str | None
    if_urgent: str | None = None
    urgent_priority: str | None = None

    def as_json(self) -> dict[str, str | None]:
        """As sidecars and bundles have it."""
        urgent = {"if_urgent": self.if_urgent} if self.if_urgent else {}
        if self.urgent_priority:
            urgent["urgent_priority"] = self.urgent_priority
        return {"priority": self.priority, "due": self.due, "hours": self.hours, **urgent}


@dataclass(frozen=True, slots=True)
class Notice:
    """That somebody is to be told of a call. `to`: (channel, address or name); `number`: the caller's goes along."""

    about: str
    to: Sequence[tuple[str, str]]
    number: bool


class Mailbox(Protocol):
    async def begin(self, call: Call, promise: CallbackPromise | None) -> Draft:
        """Intent to disk (fsync), then the row; re-joins the draft of `call.state.message_id`."""

    async def taken(self, draft: Draft, recorded: Recorded) -> Taken:
        """A take is over and on the disk. Nothing is filed yet."""

    async def another(self, draft: Draft, why: Why) -> Draft:
        """The next take of the same message, durably named.

        StoreError if the disk does not take it: the message is then what was recorded so far.
        """

    async def finish(self, draft: Draft, recorded: Recorded, *, urgent: bool = False) -> Stored:
        """Makes message and callback durable. Survives cancellation. `urgent`: by the caller's key."""

    async def ring_back(self, call: Call, number: str, promise: CallbackPromise) -> str | None:
        """Makes the callback durable that a caller asked for: one for each call and step, however often.

        `number`: E.164. The ticket, or None while the store does not answer: then it is filed later.
        Survives cancellation.
        """

    async def tell(self, call: Call, notice: Notice) -> None:
        """Makes the notice durable: one for each call and step, however often. Nothing is sent here.

        StoreError if the disk does not take it. Survives cancellation.
        """

    def release(self, call_id: str | None) -> None:
        """The call is over: what was begun and not finished is anybody's to file."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What a text says: a `matter`; a telephone `number`."""

    matter: bool
    number: bool


class Reader(Protocol):
    async def understood(self, line: str, transcript: Transcript) -> Understood | None:
        """By the line's rules; None if that is not known in time."""


class NoReader:
    """Where nobody reads, nothing is asked for."""

    async def understood(self, line: str, transcript: Transcript) -> Understood | None:
        return None


NOBODY_READS = NoReader()


class Journal(Protocol):
    """Where a call's path goes; never blocks, never raises into the call."""

    def started(self, call: Call, at: datetime) -> None: ...

    def entered(self, call: Call) -> None:
        """A step was entered: `call.state` is saved."""

    def ended(self, call: Call, at: datetime) -> None: ...
