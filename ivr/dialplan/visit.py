"""The limits of a talk and of a whole call: how much time is left, by the clock.

When the call began, and the talk, stands in the `CallState`: a call that is taken back gets no new time.
"""

import asyncio
from datetime import datetime

from ivr.call import Call, CallState, TalkLimit
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import LimitModel, Step

# Variables of the state: RFC 3339, and "yes".
BEGAN = "visit_began"
TALK_BEGAN = "talk_began"
WARNED = "visit_warned"
OVER = "visit_over"
EARLY = 1.0  # seconds by which a timer may come before the clock's time
NOTHING_LEFT = 3.0  # seconds: nobody can be told or asked anything in less


def begin(desk: Desk, state: CallState) -> None:
    if desk.line.visit is not None:
        state.variables.setdefault(BEGAN, desk.clock.now().isoformat())


def left(desk: Desk, state: CallState) -> float | None:
    """Seconds until the end of the visit; None: no limit, or its end is behind the caller."""
    if desk.line.visit is None or BEGAN not in state.variables or OVER in state.variables:
        return None
    return desk.line.visit.max.total_seconds() - _since(desk, state, BEGAN)


def is_over(desk: Desk, state: CallState) -> bool:
    seconds = left(desk, state)
    return seconds is not None and seconds < NOTHING_LEFT


def warned_after(desk: Desk, state: CallState) -> float | None:
    """Seconds until the caller is to be warned of the visit's end; None: no warning is to come."""
    visit, seconds = desk.line.visit, left(desk, state)
    if visit is None or visit.warn is None or seconds is None or WARNED in state.variables:
        return None
    return max(0.0, seconds - visit.warn.total_seconds())


def warning(call: Call, desk: Desk) -> list[str]:
    """The warning of the visit's end if it is due and nobody has said it; it counts as said."""
    state = call.state
    visit, after = desk.line.visit, warned_after(desk, state)
    if visit is None or after is None or after > EARLY or is_over(desk, state):
        return []
    state.variables[WARNED] = "yes"
    desk.journal.entered(call)
    return desk.speak(state, visit.warning)


async def within(call: Call, desk: Desk, step: Step) -> str | None:
    """Runs `step` until it ends or the visit does; the name of the next step."""
    state = call.state
    seconds = left(desk, state)
    if seconds is None or step.ends_by_itself:
        return await step.run(call, desk)
    try:
        async with asyncio.timeout(max(0.0, seconds)) as timer:
            if notice := warning(call, desk):
                await call.play(*notice, whole=True)
            return await step.run(call, desk)
    except TimeoutError:
        if not timer.expired():
            raise
        return end(desk, state)


def end(desk: Desk, state: CallState) -> str:
    """The step after the end of the visit; from now on nothing is limited, for that step must say goodbye."""
    assert desk.line.visit is not None
    state.variables[OVER] = "yes"
    return desk.line.visit.otherwise


async def talk(call: Call, desk: Desk, limit: LimitModel | None) -> None:
    """The word `talk`, within `limit` and what is left of the visit; a talk that was taken back began before."""
    state = call.state
    state.variables.setdefault(TALK_BEGAN, desk.clock.now().isoformat())
    desk.journal.entered(call)
    own = whole = None
    if limit is not None:
        own = _limit(desk, state, limit, limit.max.total_seconds() - _since(desk, state, TALK_BEGAN))
    seconds = left(desk, state)
    if desk.line.visit is not None and seconds is not None:
        whole = _limit(desk, state, desk.line.visit, seconds)
    first = min((each for each in (own, whole) if each), key=lambda each: each.seconds, default=None)
    await call.talk(first)
    del state.variables[TALK_BEGAN]
    if first is not None and first is whole and warned_after(desk, state) == 0.0:
        state.variables[WARNED] = "yes"  # both heard it


def _limit(desk: Desk, state: CallState, model: LimitModel, seconds: float) -> TalkLimit:
    warn_after = seconds - model.warn.total_seconds() if model.warn is not None else -1.0
    return TalkLimit(
        max(0.0, seconds),
        desk.speak(state, model.over),
        warn_after if warn_after >= 0 else None,
        desk.speak(state, model.warning),
    )


def _since(desk: Desk, state: CallState, moment: str) -> float:
    return (desk.clock.now() - datetime.fromisoformat(state.variables[moment])).total_seconds()
