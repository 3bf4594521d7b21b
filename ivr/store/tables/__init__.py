"""Every table, SQLAlchemy Core style declarations through the ORM mapper; one file for each aggregate."""

from ivr.store.tables.base import Base, UtcTime
from ivr.store.tables.callbacks import (
    AliasRow,
    BarredNumber,
    CallbackEvent,
    CallbackRow,
    CallbackText,
    ContactRow,
    DedicatedAgent,
    DialLock,
    DialRow,
    DutyRing,
    UndoRow,
)
from ivr.store.tables.calls import CallRow
from ivr.store.tables.lines import Closure, DialplanVersion, Line, LineNumber, Pin, Publication
from ivr.store.tables.messages import Deletion, MessageRow, ModelUse
from ivr.store.tables.people import AgentRow, AuditRow, AuditSeal, TokenRow, Try, UserLink, UserRow
from ivr.store.tables.system import Alarm, Delivery, Event, Health, Order

__all__ = [
    "AgentRow",
    "Alarm",
    "AliasRow",
    "AuditRow",
    "AuditSeal",
    "BarredNumber",
    "Base",
    "CallRow",
    "CallbackEvent",
    "CallbackRow",
    "CallbackText",
    "Closure",
    "ContactRow",
    "DedicatedAgent",
    "Deletion",
    "Delivery",
    "DialLock",
    "DialRow",
    "DialplanVersion",
    "DutyRing",
    "Event",
    "Health",
    "Line",
    "LineNumber",
    "MessageRow",
    "ModelUse",
    "Order",
    "Pin",
    "Publication",
    "TokenRow",
    "Try",
    "UndoRow",
    "UserLink",
    "UserRow",
    "UtcTime",
]
