"""The loop: step, result, next step. One call is this one coroutine."""

from dataclasses import replace

from ivr.call import Call, CallerHungUp, CallState
from ivr.dialplan import patience, visit
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import SECRET, Dialplan, Elsewhere, Step
from ivr.errors import DialplanError

LONGEST_PATH = 500  # steps; `check` refuses loops without the caller's doing, this ends the others


async def run(call: Call, dialplan: Dialplan, desk: Desk) -> None:
    """Leads the caller through `dialplan` from `call.state.step` (None: from the start) to the end.

    A `goto` changes line and dialplan, also in the state; `dialplan` is the one that the state names.

    Raises nothing but CancelledError (we are stopping) and real errors; the caller's
    hanging up ends it quietly. `call.state.outcome` says what came of it.
    """
    state = call.state
    came_to = ""  # "LINE:" before the first step of another line
    resumed = state.step is not None
    if not resumed:
        state.step = dialplan.start
        visit.begin(desk, state)
    try:
        await call.answer()
        if (not resumed or state.outcome == "turned_away") and await _turned_away(call, desk):
            return
        for _ in range(LONGEST_PATH):
            if state.step is None:
                break
            asked = _asked_for_secret(dialplan.steps[state.step], state)
            if asked is not None:
                _go_back(state, asked)
            elif not resumed:
                state.path.append(came_to + state.step)
                patience.enter(dialplan, state, state.step)
            resumed, came_to = False, ""
            desk.journal.entered(call)
            step = dialplan.steps[state.step]
            if _is_goodbye(dialplan, step):
                call.keys.empty()  # a key too many must not cut it: nothing that follows could take it
                following = await step.run(call, desk)
            else:
                following = await visit.within(call, desk, step)
            state.step, state.retries = _unless_over(dialplan, desk, state, following), 0
            elsewhere = step.leads_out() if following is None else None
            if elsewhere is not None:
                dialplan, desk = _go(desk, state, elsewhere)
                came_to = f"{dialplan.key}:"
        else:
            raise DialplanError(f"the call passed {LONGEST_PATH} steps and is still going")
        if state.outcome == "in_progress":
            state.outcome = "informed"
        await call.hang_up()
    except CallerHungUp:
        if state.outcome == "in_progress":
            state.outcome = "abandoned"


async def _turned_away(call: Call, desk: Desk) -> bool:
    """着信規制: such a caller hears the line's announcement and no more."""
    said = desk.line.turn_away
    if said is None or not await desk.customers.turned_away(call.caller.number, desk.line.tenant):
        return False
    call.state.outcome = "turned_away"
    desk.journal.entered(call)
    await call.play(*desk.speak(call.state, said), whole=True)
    await call.hang_up()
    return True


def _unless_over(dialplan: Dialplan, desk: Desk, state: CallState, following: str | None) -> str | None:
    """`following`, or where callers go whose visit is over, unless they hear their goodbye anyway."""
    if following is None or not visit.is_over(desk, state):
        return following
    step = dialplan.steps[following]
    return following if _is_goodbye(dialplan, step) or step.is_last else visit.end(desk, state)


def _go(desk: Desk, state: CallState, elsewhere: Elsewhere) -> tuple[Dialplan, Desk]:
    """On in the version of another line that is live now; from its start if it has lost the step.

    DialplanError if the line is not live (any more): the engine then leaves the caller to the fallback.
    """
    there = desk.lines(elsewhere.line)
    if there is None or there.dialplan.line.tenant != desk.line.tenant:
        raise DialplanError(f'a goto leads to "{elsewhere.line}", which is no live line of this tenant')
    dialplan = there.dialplan
    if ":" not in state.path[0]:  # what was walked before is told apart by its line, too
        state.path[0] = f"{state.line}:{state.path[0]}"
    state.line, state.dialplan = dialplan.key, dialplan.hash
    state.step = dialplan.entry(elsewhere)
    # Names of the line that was left: hours, and steps to which nobody can be led back for a secret.
    state.variables.pop("hours", None)
    for name in [name for name in state.variables if name.startswith(SECRET)]:
        del state.variables[name]
    state.secrets.clear()
    desk = replace(desk, key=dialplan.key, line=dialplan.line, calendars=there.calendars)
    visit.begin(desk, state)
    return dialplan, desk


def _is_goodbye(dialplan: Dialplan, step: Step) -> bool:
    """Says something and then leads to the end of the call alone."""
    ways = step.exits()
    if not step.says() or ways.keys() != {"next"}:
        return False
    last = dialplan.steps[ways["next"]]
    return last.is_last and not last.says()


def _asked_for_secret(step: Step, state: CallState) -> str | None:
    """The step that asked for a secret which `step` needs and which died with the engine before us."""
    for name in step.digits_used().values():
        if name not in state.secrets and (asked := state.variables.get(SECRET + name)):
            return asked
    return None


def _go_back(state: CallState, step: str) -> None:
    """To a step that the call has passed, as if it had come no further."""
    steps = [entry.rpartition(":")[2] for entry in state.path]
    behind = len(steps) - steps[::-1].index(step)
    del state.path[behind:]
    state.step, state.retries = step, 0
