"""queue: rings the agents of a group together while the caller waits with music.

```yaml
support:
  type: queue
  agents: support
  max_wait: 2m
  busy_wait: 30s
  keys: {"#9": leave_message}
  otherwise: busy_message
```
`busy_wait` bounds the time in which no offer was possible, `max_wait` the whole step. The cause
(`busy`, `no_agent`, `no_answer`, or `asked` by key) goes with the call to what follows. `say` and `waiting` may tell
`{position}` and `{wait}`; `talk` limits the talk.

A customer whose callback is open is first put to the agent who holds it, and one who has an agent of their own
(専任担当) to that agent, then the deputy: alone, for `ring`, if 受付可 at that moment, whatever their group.
Then the group rings as for everybody.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from pydantic import Field

from ivr.call import Announcement, Call, Place, Waited
from ivr.dialplan import visit
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import Duration, Key, LimitModel, Step, StepName, Text, parse_duration
from ivr.keys import KeyTable

CONNECTING = "担当者におつなぎいたします。そのままお待ちください。"
TALKING = "talking"  # variable of the state
WAITING = "ただいま電話が混み合っております。順番におつなぎいたしますので、このままお待ちください。"


class Queue(Step):
    type: Literal["queue"]
    agents: str
    """the group that is rung (着信グループ), as in `ivr agent add NAME --group support`"""
    otherwise: StepName
    """the step when nobody was reached"""
    next: StepName | None = None
    """the step after the talk, if the agent hangs up first; none: the call ends"""
    keys: dict[Key, StepName] = Field(default={})
    """keys that lead out of the queue; say them in `waiting`"""
    max_wait: Duration = parse_duration("2m")
    """of the whole step"""
    busy_wait: Duration = parse_duration("30s")
    """of the time in which nobody was free, or the line was full"""
    ring: Duration = parse_duration("20s")
    """of one offer to the agents' telephones"""
    say: Text = CONNECTING
    """said first, once"""
    waiting: Text = WAITING
    """said while waiting"""
    waiting_after: Duration = parse_duration("10s")
    """until `waiting` is said for the first time"""
    waiting_every: Duration = parse_duration("30s")
    """until it is said again"""
    talk: LimitModel | None = None
    """the limit of the talk, like `{max: 30m, warn: 5m}`; at its end the call goes to `next`"""
    ends_by_itself: ClassVar[bool] = True

    def exits(self) -> dict[str, str]:
        ways = {f"keys.{key}": step for key, step in self.keys.items()}
        return ways | {"otherwise": self.otherwise} | ({"next": self.next} if self.next else {})

    def caller_exits(self) -> frozenset[str]:
        return frozenset(f"keys.{key}" for key in self.keys)

    def groups_used(self) -> dict[str, str]:
        return {"agents": self.agents}

    def says(self) -> dict[str, str]:
        limit = {"talk.warning": self.talk.warning, "talk.over": self.talk.over} if self.talk else {}
        return {"say": self.say, "waiting": self.waiting} | limit

    def says_in_queue(self) -> frozenset[str]:
        return frozenset({"say", "waiting"})

    async def run(self, call: Call, desk: Desk) -> str | None:
        state = call.state
        call.keys.empty()  # a stray key must not take a waiting caller out of the queue
        if state.queue_entered_at is None:
            state.queue_entered_at = desk.clock.now().isoformat()
            desk.journal.entered(call)
        place = await self._enter(call, desk, datetime.fromisoformat(state.queue_entered_at))
        try:
            if TALKING in state.variables:  # taken back from a talk: it goes on, or it has ended meanwhile
                waited = Waited("answered")
            else:
                waited = await call.wait(place, KeyTable(self.keys), self._announcements(call, desk, place))
            if waited.ended_by == "answered":
                state.outcome, state.cause = (
                    "answered",
                    None,
                )  # whoever was not reached before does not matter
                state.variables[TALKING] = self.agents
                await visit.talk(call, desk, self.talk)
                del state.variables[TALKING]
        finally:
            await place.leave()
        state.queue_entered_at = None
        if waited.ended_by == "answered":
            return self.next
        if waited.key is not None:
            state.path.append(waited.key)
            state.cause = "asked"
            return self.keys[waited.key]
        state.cause = waited.cause
        return self.otherwise

    async def _enter(self, call: Call, desk: Desk, entered_at: datetime) -> Place:
        """Nobody waits longer than the visit may last."""
        left = visit.left(desk, call.state)
        longest = self.max_wait
        if left is not None:
            longest = min(longest, desk.clock.now() - entered_at + timedelta(seconds=left))
        state = call.state
        first: Sequence[str] = ()
        if TALKING not in state.variables:
            first = await desk.customers.agents_of(call.caller.number, state.line, desk.line.tenant)
        return await desk.seats.enter(
            call,
            self.agents,
            capacity=desk.line.capacity,
            busy_wait=self.busy_wait,
            max_wait=longest,
            ring=self.ring,
            entered_at=entered_at,
            first=first,
        )

    def _announcements(self, call: Call, desk: Desk, place: Place) -> tuple[Announcement, ...]:
        state = call.state
        announcements = (
            Announcement(lambda: desk.speak(state, self.say, place=place)),
            Announcement(
                lambda: desk.speak(state, self.waiting, place=place),
                after=self.waiting_after.total_seconds(),
                every=self.waiting_every.total_seconds(),
            ),
        )
        warned = visit.warned_after(desk, state)
        if warned is None:
            return announcements
        return (*announcements, Announcement(lambda: visit.warning(call, desk), after=warned))
