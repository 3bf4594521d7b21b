"""Rules 3, 4, 5 and 8 of what never happens, in histories that nobody thought of.

Ten agents and two engines, which are killed, at one store: they ask, claim, dial, merge, split, cancel, give up
and forget, one after the other and several at once.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.call import CallbackPromise
from ivr.callbacks import (
    abandoned,
    asking,
    dialing,
    edits,
    escalation,
    lists,
    merging,
    ringing,
    service,
    supervising,
    undo,
)
from ivr.callbacks.asking import MessageFacts
from ivr.callbacks.dialing import Dial
from ivr.callbacks.policy import Policy
from ivr.callbacks.results import RESULTS, Result
from ivr.callbacks.who import Who
from ivr.dialplan.callbacks import CallbackRules
from ivr.errors import Conflict, NotFound
from ivr.store import callbacks, messages
from ivr.store.database import Store
from ivr.store.tables import BarredNumber, CallbackEvent, CallbackRow, ContactRow, DialRow
from tests.store.postgres import Postgres
from tests.store.rows import TOKYO, message

RULES = CallbackRules.model_validate(
    {"dial_hours": {"critical": "always", "other": "9:00-20:00"}, "limits": {"per_day": "50"}}
)
POLICY = Policy(RULES, lambda hours: None)
TENANTS = ("shop", "bank")
AGENTS = [Who(f"agent{n}", TENANTS[n % 2], supervisor=n >= 8) for n in range(10)]
# Two people, somebody who withholds the number, and who must never be dialled: toll-free, abroad.
DIALLED = ("+819011112222", "+819033334444")
NUMBERS = (*DIALLED, *DIALLED, None, "+81120123456", "+16502530000")
ON_THE_LINE = ("dialing", "talking")
# DESIGN.md, Callbacks: state -> what it may become; to itself, too.
NEXT = {
    "open": {"claimed", "done", "cancelled", "unreachable"},
    "claimed": {"open", "dialing", "done", "cancelled", "unreachable"},
    "dialing": {"talking", "open"},
    "talking": {"done", "working", "waiting", "open"},
    "working": {"dialing", "waiting", "done", "open", "cancelled", "unreachable"},
    "waiting": {"dialing", "working", "done", "open", "cancelled", "unreachable"},
    "done": {"open"},
    "cancelled": set(),
    "unreachable": set(),
}
ANY = st.integers(0, 10_000)
AGENT = st.sampled_from(AGENTS)


Deed = Callable[[AsyncSession], Awaitable[Any]]


@dataclass
class Ring:
    """A telephone that rings, or people who talk; an engine ends what it may not go on with by itself."""

    dial: Dial
    tenant: str
    until: datetime


@dataclass
class Asked:
    told: str
    due: datetime | None


class Desk(RuleBasedStateMachine):
    urls: Callable[[], str]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        url = type(self).urls()
        self.engines = [self.run(Store.open(url)) for _ in range(2)]
        self.now = datetime(2026, 11, 24, 10, 0, tzinfo=TOKYO)
        self.count = 0
        self.asked: dict[str, Asked] = {}
        self.rings: list[Ring] = []
        self.last: dict[str, str] = {}  # who -> the ticket that he or she did something to last

    def teardown(self) -> None:
        for engine in self.engines:
            self.run(engine.close())
        self.runner.close()

    def run(self, work: Awaitable[Any]) -> Any:
        async def waited() -> Any:
            return await work

        return self.runner.run(waited())

    async def once(self, engine: int, work: Callable[[AsyncSession], Awaitable[Any]]) -> Any:
        """What it gives; a Conflict is an answer, too."""
        try:
            async with self.engines[engine % 2].write() as session:
                return await work(session)
        except Conflict as told:
            return told

    def kept(self, who: Who, ticket: str, work: Deed) -> Deed:
        """As the pages do it: what was done last may be taken back."""

        async def done(session: AsyncSession) -> Any:
            before = undo.before(await callbacks.get(session, ticket, to_change=True))
            got = await work(session)
            await undo.keep(session, await callbacks.get(session, ticket), before, who=who, now=self.now)
            self.last[who.name] = ticket
            return got

        return done

    def both(self, *work: Callable[[AsyncSession], Awaitable[Any]]) -> list[Any]:
        """At the same time, through the two engines."""

        async def at_once() -> list[Any]:
            return await asyncio.gather(*(self.once(n, one) for n, one in enumerate(work)))

        found: list[Any] = self.run(at_once())
        return found

    def rows(self, table: Any, *where: Any) -> list[Any]:
        async def read() -> list[Any]:
            async with self.engines[0].read() as session:
                return list(await session.scalars(select(table).where(*where)))

        found: list[Any] = self.run(read())
        return found

    def one(self, pick: int, who: Who) -> CallbackRow | None:
        """A callback of the agent's own tenant."""
        found = sorted(
            self.rows(CallbackRow, CallbackRow.tenant == who.tenant), key=lambda row: row.created_at
        )
        return found[pick % len(found)] if found else None

    @initialize()
    def a_morning(self) -> None:
        for tenant in TENANTS:
            for number in DIALLED:
                self.ask(number, None, tenant, "2h", "medium", twice=False)

    # -- who asks ---------------------------------------------------------------------------------

    @precondition(lambda self: self.count < 40)
    @rule(
        number=st.sampled_from(NUMBERS),
        branch=st.sampled_from([None, "support", "billing"]),
        tenant=st.sampled_from(TENANTS),
        due=st.sampled_from(["15m", "2h", "30h"]),
        priority=st.sampled_from(["medium", "critical"]),
        twice=st.booleans(),
    )
    def ask(
        self, number: str | None, branch: str | None, tenant: str, due: str, priority: str, twice: bool
    ) -> None:
        self.count += 1
        id = f"m{self.count}"
        facts = MessageFacts(
            id=id,
            line=tenant,
            tenant=tenant,
            cause="busy",
            number=number,
            withheld=None if number else "anonymous",
            received_at=self.now + timedelta(seconds=self.count),
            branch=branch,
        )
        promise = CallbackPromise(priority, due, None)
        self.run(self.once(0, lambda s: messages.intend(s, message(id, tenant=tenant, line=tenant))))

        async def make(session: AsyncSession) -> str:
            return await asking.create_for_message(session, facts, promise, None, self.now)

        told = self.both(*[make] * (2 if twice else 1))
        assert len(set(told)) == 1, "a message has one callback"
        delay = {"15m": timedelta(minutes=15), "2h": timedelta(hours=2), "30h": timedelta(hours=30)}[due]
        self.asked[id] = Asked(told[0], (facts.received_at + delay).astimezone(UTC))

    @rule(tenant=st.sampled_from(TENANTS), branches=st.tuples(*[st.sampled_from([None, "x"])] * 2))
    def two_ask_at_once(self, tenant: str, branches: tuple[str | None, str | None]) -> None:
        number = DIALLED[0]

        def asks(branch: str | None) -> Callable[[AsyncSession], Awaitable[str]]:
            self.count += 1
            facts = MessageFacts(f"r{self.count}", tenant, tenant, "asked", number, self.now, branch=branch)
            promise = CallbackPromise("medium", "2h", None)
            return lambda s: asking.create_for_request(s, facts.id, facts, promise, None, self.now)

        before = {row.ticket for row in self.open_of(tenant, number)}
        told = self.both(asks(branches[0]), asks(branches[1]))
        assert len(set(told) - before) <= 1, "nothing in them differs: both belong to one ticket"

    def open_of(self, tenant: str, number: str | None) -> list[CallbackRow]:
        found = self.rows(CallbackRow, CallbackRow.tenant == tenant, CallbackRow.number == number)
        return [row for row in found if row.state not in ("done", "cancelled", "unreachable")]

    # -- agents -----------------------------------------------------------------------------------

    @rule(pick=ANY, agents=st.lists(AGENT, min_size=1, max_size=4, unique=True))
    def claim(self, pick: int, agents: list[Who]) -> None:
        row = self.one(pick, agents[0])
        if row is None:
            return
        until = self.now + timedelta(minutes=10)

        def claims(who: Who) -> Callable[[AsyncSession], Awaitable[Any]]:
            return lambda s: service.claim(s, row.ticket, who, until=until, now=self.now)

        mine = [who for who in agents if who.tenant == row.tenant]
        got = [one for one in self.both(*map(claims, mine)) if not isinstance(one, Conflict)]
        assert len({one.agent for one in got}) <= 1, "two agents were told that they have it"

    @rule(
        pick=ANY,
        who=AGENT,
        other=st.none() | AGENT,
        then=st.sampled_from(["rings", "answered", "ended", "killed", "not_rung"]),
        result=st.none() | st.sampled_from(RESULTS),
        left=st.sampled_from([None, "done", "working", "waiting", "open"]),
    )
    def a_turn(
        self, pick: int, who: Who, other: Who | None, then: str, result: Result | None, left: Any
    ) -> None:
        """An agent claims, dials, perhaps talks, and perhaps says how it went."""
        self.claim_and_dial(pick, who, hand=pick % 5 == 0, other=other)
        if then != "rings" and self.rings:
            self.engine_tells(len(self.rings) - 1, then, "no_answer")
        if result is not None:
            self.record(pick, who, result, left)

    def claim_and_dial(self, pick: int, who: Who, hand: bool, other: Who | None) -> None:
        """`other` has another ticket of the same number and dials at the same moment; and `who` presses twice."""
        row = self.one(pick, who)
        if row is None:
            return
        same = [one for one in self.open_of(row.tenant, row.number) if one.ticket != row.ticket]
        tries = [(who, row), *((other, one) for one in same[:1] if other and other.tenant == row.tenant)]
        until = self.now + timedelta(minutes=10)
        for agent, one in tries:
            self.run(
                self.once(0, partial(service.claim, ticket=one.ticket, who=agent, until=until, now=self.now))
            )
        self.count += 1
        insist = ("unrecorded",) if pick % 2 else ()
        owed = {one.ticket for one in self.open_of(row.tenant, row.number) if one.unrecorded}
        begin = partial(dialing.begin, policy=POLICY, now=self.now, by_hand=hand, insist=insist)
        dials = [
            partial(begin, ticket=one.ticket, who=agent, key=f"d{self.count}.{n}")
            for n, (agent, one) in enumerate(tries)
        ]
        begun = self.both(*dials, dials[0])
        fresh = [one for one in begun if isinstance(one, Dial) and one.fresh]
        assert len(fresh) <= 1, "one customer, one ring"
        assert insist or not owed & {one.ticket for one in fresh}, "before anybody said how the last one went"
        for dial in fresh:
            takes = [
                partial(ringing.take, key=dial.key, engine="1"),
                partial(ringing.take, key=dial.key, engine="2"),
            ]
            taken = [one for one in self.both(*takes, takes[0]) if one is not None]
            assert len(taken) == (0 if hand else 1), "of two engines, and of an order given twice, one rings"
            self.rings_now(dial, next(one for _, one in tries if one.ticket == dial.ticket))

    def rings_now(self, dial: Dial, row: CallbackRow) -> None:
        others = [
            ring for ring in self.ringing() if (ring.tenant, ring.dial.number) == (row.tenant, dial.number)
        ]
        assert others == [], "two telephones ring one customer"
        assert dial.number in DIALLED, "what must never be dialled"
        (row,) = self.rows(CallbackRow, CallbackRow.ticket == row.ticket)
        assert row.state == "dialing", "the state is stored before the telephone rings"
        assert 9 <= self.now.astimezone(TOKYO).hour < 20 or row.priority == "critical", "at night"
        barred = self.rows(
            BarredNumber, BarredNumber.number == dial.number, BarredNumber.tenant == row.tenant
        )
        assert [one for one in barred if one.ended_at is None] == [], "発信禁止"
        # The engine rings no longer than this, whatever becomes of the store.
        self.rings.append(Ring(dial, row.tenant, self.now + dialing.RINGING))

    def ringing(self) -> list[Ring]:
        self.rings = [ring for ring in self.rings if ring.until > self.now]
        return self.rings

    @precondition(lambda self: bool(self.rings))
    @rule(
        pick=ANY,
        what=st.sampled_from(["answered", "ended", "killed", "not_rung"]),
        outcome=st.sampled_from(RESULTS),
    )
    def engine_tells(self, pick: int, what: str, outcome: Result) -> None:
        ring = self.rings[pick % len(self.rings)]
        key, until = ring.dial.key, self.now + timedelta(minutes=30)
        if ring.until <= self.now or what == "killed":  # nobody tells anything: it rang out
            return
        if what == "answered":
            work = self.once(pick, lambda s: dialing.answered(s, key, until=until, now=self.now))
            if self.run(work) is True:
                ring.until = until
                return
        self.rings.remove(ring)  # first hung up, then told
        if what == "not_rung":
            free = pick % 2 == 0
            self.run(self.once(pick, lambda s: ringing.not_rung(s, key, "no way", now=self.now, free=free)))
            return
        self.hung_up(pick, ring, outcome)

    def hung_up(self, engine: int, ring: Ring, outcome: Result | None) -> None:
        key = ring.dial.key
        self.run(self.once(engine, lambda s: dialing.ended(s, key, outcome, policy=POLICY, now=self.now)))

    @rule(
        pick=ANY,
        who=AGENT,
        result=st.sampled_from(RESULTS),
        then=st.sampled_from([None, "done", "working", "waiting", "open"]),
    )
    def record(self, pick: int, who: Who, result: Result, then: Any) -> None:
        row = self.one(pick, who)
        if row is None:
            return
        if row.state in ON_THE_LINE:  # the page asks for it when the talk is over
            for ring in [one for one in self.rings if one.dial.ticket == row.ticket]:
                self.rings.remove(ring)
                self.hung_up(0, ring, None)
        at = self.now + timedelta(hours=1)
        deed = self.kept(
            who,
            row.ticket,
            lambda s: dialing.record(
                s, row.ticket, result, who=who, policy=POLICY, now=self.now, then=then, next_at=at
            ),
        )
        got = self.run(self.once(pick, deed))
        if result != "reached" and not isinstance(got, Conflict):
            assert got.state == "open", "only 本人と通話 ends a callback"

    @rule(
        pick=ANY,
        who=AGENT,
        what=st.sampled_from(
            [
                "give_back",
                "close",
                "cancel",
                "give_up",
                "reopen",
                "raise",
                "lower",
                "complain",
                "number",
                "read",
                "offer",
                "accept",
                "assign",
                "next",
                "wait",
                "begin",
                "help",
                "want",
                "once_more",
                "got_through",
            ]
        ),
    )
    def work(self, pick: int, who: Who, what: str) -> None:
        row = self.one(pick, who)
        if row is None:
            return
        ticket, now, later = row.ticket, self.now, self.now + timedelta(hours=1)
        deeds: dict[str, Deed] = {
            "give_back": lambda s: service.give_back(s, ticket, who=who, now=now),
            "close": lambda s: service.close(s, ticket, who=who, now=now, note="メールで"),
            "cancel": lambda s: service.cancel(s, ticket, who=who, now=now, why="不要になった"),
            "give_up": lambda s: service.give_up(s, ticket, who=who, now=now, why="不在"),
            "reopen": lambda s: service.reopen(s, ticket, who=who, now=now),
            "raise": lambda s: service.raise_priority(
                s, ticket, "critical", who=who, why="急ぎ", now=now, due=now + timedelta(hours=50)
            ),
            "lower": lambda s: service.lower_priority(s, ticket, "low", who=who, why="済み", now=now),
            "complain": lambda s: edits.flag(s, ticket, who=who, now=now, complaint=True),
            "number": lambda s: edits.edit(s, ticket, {"number": "090-3333-4444"}, who=who, now=now),
            "read": lambda s: edits.read(s, ticket, who=who, now=now),
            "offer": lambda s: service.offer(s, ticket, to=AGENTS[-1].name, who=who, memo="件", now=now),
            "accept": lambda s: service.accept(s, ticket, who, until=later, now=now),
            "assign": lambda s: service.assign(s, ticket, to=who.name, who=who, until=later, now=now),
            "next": lambda s: dialing.set_next(s, ticket, later, who=who, now=now),
            "wait": lambda s: service.wait(s, ticket, "waiting", who=who, now=now),
            "begin": lambda s: service.begin_work(s, ticket, who=who, now=now),
            "help": lambda s: escalation.help_out(s, ticket, who=who, now=now),
            "want": lambda s: edits.want_reply(s, ticket, due=later, who=who, now=now),
            "once_more": lambda s: supervising.once_more(s, ticket, who=who, now=now, why="再度"),
            "got_through": lambda s: abandoned.got_through(
                s, tenant=row.tenant, line=row.line, number=row.number, now=now
            ),
        }
        self.run(self.once(pick, self.kept(who, ticket, deeds[what])))

    @precondition(lambda self: self.last)
    @rule(pick=ANY)
    def take_back(self, pick: int) -> None:
        who = [one for one in AGENTS if one.name in self.last][pick % len(self.last)]
        work = self.once(pick, lambda s: undo.undo(s, self.last[who.name], who=who, now=self.now))
        got = self.run(work)
        assert isinstance(got, Conflict) or got.state not in ON_THE_LINE

    @rule(tenant=st.sampled_from(TENANTS), end=st.booleans())
    def bar(self, tenant: str, end: bool) -> None:
        boss = Who("boss", tenant, supervisor=True)
        standing = [one for one in self.rows(BarredNumber) if one.ended_at is None and one.tenant == tenant]
        if end and standing:
            self.run(self.once(0, lambda s: lists.end(s, standing[0].id, who=boss, now=self.now)))
        elif not standing:
            asks = lists.ask
            self.run(
                self.once(
                    0,
                    lambda s: asks(
                        s, "outgoing", "090-1111-2222", tenant=tenant, who=boss, reason="希望", now=self.now
                    ),
                )
            )

    @rule(pick=ANY, other=ANY, who=AGENT, twice=st.booleans())
    def merge(self, pick: int, other: int, who: Who, twice: bool) -> None:
        gone, stays = self.one(pick, who), self.one(other, who)
        if gone is None or stays is None:
            return
        work = [lambda s: merging.merge(s, gone.ticket, into=stays.ticket, who=who, now=self.now)]
        if twice:  # the other way round at the same moment
            work.append(lambda s: merging.merge(s, stays.ticket, into=gone.ticket, who=who, now=self.now))
        self.both(*work)

    @rule(pick=ANY, who=AGENT, which=ANY)
    def split(self, pick: int, who: Who, which: int) -> None:
        row = self.one(pick, who)
        if row is None:
            return
        contacts = self.rows(ContactRow, ContactRow.ticket == row.ticket)
        ids = [one.id for n, one in enumerate(contacts) if which >> n & 1]
        self.run(self.once(pick, lambda s: merging.split(s, row.ticket, ids, who=who, now=self.now)))

    # -- the clock ----------------------------------------------------------------------------------

    @rule(minutes=st.sampled_from([1, 5, 20, 90, 840]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.ringing()

    @rule(engines=st.integers(1, 2))
    def look(self, engines: int) -> None:
        async def at_once() -> None:
            sweeps = (
                escalation.sweep(store, lambda line: POLICY, self.now) for store in self.engines[:engines]
            )
            await asyncio.gather(*sweeps)

        self.run(at_once())

    @rule(pick=ANY, who=AGENT)
    def past_the_wall(self, pick: int, who: Who) -> None:
        foreign = self.rows(CallbackRow, CallbackRow.tenant != who.tenant)
        if not foreign:
            return
        ticket = foreign[pick % len(foreign)].ticket
        for attempt in (
            lambda s: service.claim(s, ticket, who, until=self.now, now=self.now),
            lambda s: service.close(s, ticket, who=who, now=self.now),
            lambda s: dialing.begin(s, ticket, who=who, key="wall", policy=POLICY, now=self.now),
            lambda s: merging.merge(s, ticket, into=ticket, who=who, now=self.now),
            lambda s: edits.memo(s, ticket, "見えない", who=who, now=self.now),
        ):
            with pytest.raises(NotFound):
                self.run(self.once(pick, attempt))

    # -- what never happens ---------------------------------------------------------------------------

    @invariant()
    def nothing_of_it_has_happened(self) -> None:
        self.run(self.look_at_all())
        now = [(ring.tenant, ring.dial.number) for ring in self.ringing()]
        assert len(now) == len(set(now)), "two telephones ring one customer"

    async def look_at_all(self) -> None:
        async with self.engines[1].read() as session:
            tickets = list(await session.scalars(select(CallbackRow)))
            contacts = list(await session.scalars(select(ContactRow)))
            events = list(await session.scalars(select(CallbackEvent).order_by(CallbackEvent.id)))
            made = list(await session.scalars(select(DialRow).order_by(DialRow.began_at, DialRow.id)))
            for asked in self.asked.values():
                assert await callbacks.find(session, asked.told) is not None, "a number that was told is lost"
        self.every_promise_has_one_callback(tickets, contacts)
        self.every_talk_has_a_result_or_owes_it(tickets, made)
        self.every_change_is_in_the_history(tickets, events)

    def every_promise_has_one_callback(self, tickets: list[CallbackRow], contacts: list[ContactRow]) -> None:
        by_message = {one.message_id: one for one in contacts if one.message_id}
        assert by_message.keys() == self.asked.keys()
        for id, asked in self.asked.items():
            assert by_message[id].due_at == asked.due, "what was told has changed"
        for row in tickets:
            mine = [one for one in contacts if one.ticket == row.ticket]
            assert len(mine) == row.contacts > 0
            assert {(one.tenant, one.line) for one in mine} == {(row.tenant, row.line)}
            waiting = [one.due_at for one in mine if one.begun_at is None and one.due_at]
            if waiting:
                assert row.begun_at is None, "somebody waits, and the clock stands"
                assert row.due_at is not None and row.due_at <= min(waiting), "a promise moved later"

    def every_talk_has_a_result_or_owes_it(self, tickets: list[CallbackRow], made: list[DialRow]) -> None:
        for row in tickets:
            mine = [one for one in made if one.ticket == row.ticket and (one.by_hand or one.answered_at)]
            over = mine and mine[-1].ended_at is not None and mine[-1].outcome is None
            if over and row.state not in ON_THE_LINE:
                assert row.unrecorded is not None, "nobody is asked how it went"

    def every_change_is_in_the_history(self, tickets: list[CallbackRow], events: list[CallbackEvent]) -> None:
        chains: dict[tuple[str, str | None], str | None] = {}
        for event in events:
            chain = (event.ticket, event.merged_from)
            if event.what != "created":
                before = chains[chain]
                assert event.who and before is not None and event.before == before, (chain, event.what)
                assert event.after == before or event.after in NEXT[before], (before, event.after)
            chains[chain] = event.after
        for row in tickets:
            assert chains[(row.ticket, None)] == row.state
            over = row.state in ("done", "cancelled", "unreachable")
            assert over == (row.done_at is not None), "the list would not show it"
            if row.state in ("claimed", *ON_THE_LINE):
                assert row.agent and row.lease_until


@contextmanager
def _databases(kind: str, template: Path, postgres: Callable[[], Postgres]) -> Iterator[Callable[[], str]]:
    with tempfile.TemporaryDirectory() as folder:
        count = iter(range(10_000))

        def sqlite() -> str:
            file = Path(folder) / f"{next(count)}.db"
            shutil.copy(template, file)
            return f"sqlite:///{file}"

        def postgresql() -> str:
            postgres().empty("ivr")
            return postgres().url("ivr")

        yield sqlite if kind == "sqlite" else postgresql


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_whatever_happens(kind: str, sqlite_template: Path, request: pytest.FixtureRequest) -> None:
    def postgres() -> Postgres:
        found: Postgres = request.getfixturevalue("migrated_postgres")
        return found

    with _databases(kind, sqlite_template, postgres) as urls:
        machine = type("Machine", (Desk,), {"urls": staticmethod(urls)})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=10,
                stateful_step_count=25,
                suppress_health_check=list(HealthCheck),
            ),
        )
