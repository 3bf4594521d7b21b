"""What calls that are over mean for callbacks: who gave up, who got through, who rang again."""

from datetime import datetime, timedelta
from typing import Any

from ivr.callbacks.escalation import Escalation
from ivr.callbacks.policy import Policy
from ivr.dialplan.callbacks import CallbackRules
from ivr.store import alarms, callbacks, calls, contacts
from ivr.store.database import Store
from ivr.store.tables import CallbackRow
from tests.messages_helpers import ManualClock
from tests.store.rows import NOON, after, call, callback, contact

POLICY = Policy(CallbackRules.model_validate({"abandoned": {"after": "20s"}}), lambda hours: None)


async def over(store: Store, id: str, outcome: str, started: datetime = NOON, **more: Any) -> None:
    about = {"ended_at": started + timedelta(minutes=2), "state": None}
    async with store.write() as session:
        await calls.save(session, [call(id, started_at=started, outcome=outcome, **about, **more)])


async def look(store: Store, now: datetime, seconds: float = 30) -> list[CallbackRow]:
    def policy(line: str) -> Policy:
        return POLICY if line == "ecforce" else Policy(CallbackRules(), lambda hours: None)

    watch = Escalation(store, policy, lambda call: timedelta(seconds=seconds), ManualClock(now))
    for _ in range(2):
        await watch.round()
    async with store.read() as session:
        return list(await callbacks.listing(session))


async def test_who_gave_up_waiting_long_enough_has_one_callback(store: Store) -> None:
    await over(store, "c1", "abandoned")
    assert await look(store, after(200), seconds=19) == []
    (row,) = await look(store, after(200), seconds=20)
    assert (row.number, row.call_id, row.contacts, row.state) == ("+819012345678", "c1", 1, "open")
    assert row.cause == "abandoned"


async def test_nobody_else_has_one(store: Store) -> None:
    await over(store, "c1", "abandoned", number=None, withheld="anonymous")
    await over(store, "c2", "abandoned", line="sakura", tenant="sakura")
    await over(store, "c3", "informed")
    assert await look(store, after(200)) == []


async def test_who_gets_through_later_is_rung_back_no_more(store: Store) -> None:
    await over(store, "c1", "abandoned")
    await look(store, after(200))
    await over(store, "c2", "answered", after(600))
    (row,) = await look(store, after(900))
    assert (row.state, row.outcome) == ("done", "reached")


async def test_who_rings_again_is_noted_on_the_open_callback(store: Store) -> None:
    async with store.write() as session:
        await callbacks.insert(session, callback("1000000"), who="system", at=NOON)
        await contacts.add(session, contact("1000000"))
    await over(store, "c1", "answered", after(600))
    await over(store, "c2", "answered", after(600), tenant="shop")
    (row,) = await look(store, after(900))
    assert (row.state, row.contacts) == ("open", 2)
    async with store.read() as session:
        asked = [(one.source, one.cause) for one in await contacts.of_ticket(session, "1000000")]
    assert asked == [("message", "closed"), ("call", "answered")], "nobody was busy: an agent talked to them"


async def test_who_rings_again_and_gives_up_is_noted_once_whatever_the_line_does_about_it(
    store: Store,
) -> None:
    for ticket, line in (("1000000", "ecforce"), ("2000000", "sakura")):
        async with store.write() as session:
            await callbacks.insert(session, callback(ticket, line=line), who="system", at=NOON)
            await contacts.add(session, contact(ticket, line=line))
        await over(store, f"{line} long", "abandoned", after(600), line=line)
    await look(store, after(900))
    for line in ("ecforce", "sakura"):
        await over(store, f"{line} short", "abandoned", after(1200), line=line)
    await over(store, "turned away", "turned_away", after(1200))
    rows = {row.line: row.contacts for row in await look(store, after(1500), seconds=5)}
    assert rows == {"ecforce": 3, "sakura": 3}
    async with store.read() as session:
        sources = [one.source for one in await contacts.of_ticket(session, "1000000")]
    assert sources == ["message", "abandoned", "call"]


async def test_what_is_overdue_raises_one_alarm_until_it_is_begun(store: Store) -> None:
    async with store.write() as session:
        await callbacks.insert(session, callback("1000000", due_at=after(60)), who="system", at=NOON)
        await contacts.add(session, contact("1000000"))
    await look(store, after(61))
    async with store.read() as session:
        (alarm,) = await alarms.standing(session, "ecforce")
    assert "お約束の時刻を過ぎたものが1件" in alarm.text
    async with store.write() as session:
        row = await callbacks.get(session, "1000000", to_change=True)
        row.begun_at = after(90)
    await look(store, after(120))
    async with store.read() as session:
        assert await alarms.standing(session, "ecforce") == []
