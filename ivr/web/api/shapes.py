"""What the API answers of callbacks, messages and calls; a contract with other programs."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ivr.call import Outcome
from ivr.callbacks.results import Result
from ivr.callbacks.states import State
from ivr.store import stages as steps
from ivr.store.tables import CallbackEvent, CallbackRow, CallRow, ContactRow, DialRow, MessageRow
from ivr.web.api.fields import Time, Told, Versioned
from ivr.web.words import no_sound

Priority = Literal["low", "medium", "high", "critical"]


def as_json(told: Told) -> dict[str, Any]:
    """As it is answered, for the commands."""
    return told.model_dump(mode="json", exclude_unset=True)


class Transcript(Told):
    state: str
    text: str | None
    """As the recogniser heard it."""
    model: str | None
    """With 試験用モデル behind it where the text is of no model for real callers."""
    deleted_at: Time | None = None
    reason: str | None = None


class Deleted(Told):
    state: Literal["deleted"]
    deleted_at: Time
    reason: str


class Corrected(Told):
    """The text as a person put it right."""

    text: str
    by: str | None
    at: Time | None


class Message(Told):
    id: str
    duration: float | None
    transcript: Transcript
    corrected: Corrected | None = None
    audio: Deleted | None = None
    """Only there once the recording was deleted."""

    @staticmethod
    def values(row: MessageRow) -> dict[str, Any]:
        said: dict[str, Any] = {
            "state": row.transcript_state,
            "text": row.transcript_text,
            "model": _model(row),
        }
        if row.transcript_state == "deleted":
            said |= {"deleted_at": row.text_deleted_at, "reason": row.transcript_reason}
        made: dict[str, Any] = {"id": row.id, "duration": row.duration, "transcript": Transcript(**said)}
        if row.corrected_text is not None:
            text, by, at = row.corrected_text, row.corrected_by, row.corrected_at
            made["corrected"] = Corrected(text=text, by=by, at=at)
        if row.audio_deleted_at is not None:
            at, why = row.audio_deleted_at, no_sound(row)
            made["audio"] = Deleted(state="deleted", deleted_at=at, reason=why)
        return made

    @classmethod
    def of(cls, row: MessageRow) -> "Message":
        return cls(**cls.values(row))


def _model(row: MessageRow) -> str | None:
    """A program must see, too, that a text is of no model for real callers."""
    mark = "（試験用モデル）" if row.transcript_trial else ""
    return row.transcript_model and row.transcript_model + mark


class Stage(Told):
    state: str
    reason: str | None
    at: Time | None


class MessageFull(Message):
    """With where it stands and what was read out of it."""

    line: str
    state: str
    cause: str
    kind: str | None
    """Of one in which nobody spoke: silent, tone, music or fax."""
    number: str | None
    withheld: str | None
    urgent: bool
    created_at: Time
    ticket: str | None
    stages: dict[steps.Stage, Stage]
    reading: dict[str, Any] | None

    @classmethod
    def whole(cls, row: MessageRow, ticket: str | None) -> "MessageFull":
        names = ("line", "state", "cause", "kind", "number", "withheld", "urgent", "created_at", "reading")
        plain = {name: getattr(row, name) for name in names}
        each = {
            stage: Stage(**{name: getattr(row, f"{stage}_{name}") for name in ("state", "reason", "at")})
            for stage in steps.STAGES
        }
        return cls(**cls.values(row), **plain, ticket=ticket, stages=each)


class Contact(Told):
    """One time that somebody asked, with its own words and promise."""

    id: int
    heard: str
    """The ticket number that this caller was told."""
    source: str
    cause: str
    number: str | None
    withheld: str | None
    name: str | None
    company: str | None
    addressee: str | None
    member: str | None
    email: str | None
    matter: str | None
    preferred_time: str | None
    reply_wanted: bool | None
    path: list[str]
    priority: Priority
    created_at: Time
    due_at: Time | None
    begun_at: Time | None
    call_id: str | None
    message: Message | None

    @classmethod
    def of(cls, row: ContactRow, message: MessageRow | None) -> "Contact":
        own = {name: getattr(row, name) for name in cls.model_fields if name not in ("heard", "message")}
        return cls(**own, heard=row.told_ticket, message=Message.of(message) if message else None)


class Ticket(Versioned):
    """One callback. `number` is E.164; `due_at`: by when work must have begun, `begun_at`: when it did."""

    ticket: str
    line: str
    state: State
    cause: str
    number: str | None
    name: str | None
    company: str | None
    addressee: str | None
    reply_wanted: bool | None
    preferred_time: str | None
    matter: str | None
    path: list[str]
    created_at: Time
    due_at: Time | None
    priority: Priority
    withheld: str | None
    member: str | None
    email: str | None
    agent: str | None
    lease_until: Time | None
    offered_to: str | None
    dedicated: str | None
    second: str | None
    tier: int
    begun_at: Time | None
    next_at: Time | None
    done_at: Time | None
    resolution_due_at: Time | None
    news_due_at: Time | None
    attempts: int
    unrecorded: str | None
    """Who rang and has not said yet how it went."""
    exhausted_at: Time | None
    wrong_number: str | None
    careful: bool
    complaint: bool
    outcome: Result | None
    result: str | None

    @classmethod
    def of(cls, row: CallbackRow) -> "Ticket":
        return cls(**row_of(row))


def row_of(row: CallbackRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Ticket.model_fields}


class Callback(Ticket):
    message: Message | None
    """Of the first contact that has one."""
    contacts: list[Contact]

    @staticmethod
    def values(
        row: CallbackRow, asked: Sequence[ContactRow], messages: Mapping[str, MessageRow]
    ) -> dict[str, Any]:
        first = messages.get(row.message_id or "")
        contacts = [Contact.of(one, messages.get(one.message_id or "")) for one in asked]
        return {**row_of(row), "message": Message.of(first) if first else None, "contacts": contacts}


class Event(Told):
    at: Time
    who: str
    what: str
    why: str | None
    before: str | None
    after: str | None
    merged_from: str | None

    @classmethod
    def of(cls, row: CallbackEvent) -> "Event":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class Dial(Told):
    agent: str
    number: str
    by_hand: bool
    began_at: Time
    answered_at: Time | None
    ended_at: Time | None
    outcome: Result | None

    @classmethod
    def of(cls, row: DialRow) -> "Dial":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class CallbackFull(Callback):
    """With its history, its dials, and the open callbacks of the same number."""

    events: list[Event]
    dials: list[Dial]
    others: list[str]


class Call(Told):
    """`outcome`: what became of it; `path`: steps and keys of menus, never digits that were asked for."""

    id: str
    line: str
    number: str | None
    started_at: Time
    ended_at: Time | None
    path: list[str]
    outcome: Outcome

    @classmethod
    def of(cls, row: CallRow) -> "Call":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})
