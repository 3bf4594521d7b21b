"""The loop: step, result, next step. One call is this one coroutine."""

from ivr.call import Call, CallerHungUp, CallState
from ivr.dialplan import patience, visit
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import SECRET, Dialplan, Step
from ivr.errors import DialplanError

LONGEST_PATH = 500  # steps; `check` refuses loops without the caller's doing, this ends the others


async def run(call: Call, dialplan: Dialplan, desk: Desk) -> None:
    """Leads the caller through `dialplan` from `call.state.step` (None: from the start) to the end.

    Raises nothing but CancelledError (we are stopping) and real errors; the caller's
    hanging up ends it quietly. `call.state.outcome` says what came of it.
    """
    state = call.state
    resumed = state.step is not None
    if not resumed:
        state.step = dialplan.start
        visit.begin(desk, state)
    try:
        await call.answer()
        for _ in range(LONGEST_PATH):
            if state.step is None:
                break
            asked = _asked_for_secret(dialplan.steps[state.step], state)
            if asked is not None:
                _go_back(state, asked)
            elif not resumed:
                state.path.append(state.step)
                patience.enter(dialplan, state, state.step)
            resumed = False
            desk.journal.entered(call)
            step = dialplan.steps[state.step]
            if _is_goodbye(dialplan, step):
                call.keys.empty()  # a key too many must not cut it: nothing that follows could take it
                following = await step.run(call, desk)
            else:
                following = await visit.within(call, desk, step)
            state.step, state.retries = _unless_over(dialplan, desk, state, following), 0
        else:
            raise DialplanError(f"the call passed {LONGEST_PATH} steps and is still going")
        if state.outcome == "in_progress":
            state.outcome = "informed"
        await call.hang_up()
    except CallerHungUp:
        if state.outcome == "in_progress":
            state.outcome = "abandoned"


def _unless_over(dialplan: Dialplan, desk: Desk, state: CallState, following: str | None) -> str | None:
    """`following`, or where callers go whose visit is over, unless they hear their goodbye anyway."""
    if following is None or not visit.is_over(desk, state):
        return following
    step = dialplan.steps[following]
    return following if _is_goodbye(dialplan, step) or not step.exits() else visit.end(desk, state)


def _is_goodbye(dialplan: Dialplan, step: Step) -> bool:
    """Says something and then leads to the end of the call alone."""
    ways = step.exits()
    if not step.says() or ways.keys() != {"next"}:
        return False
    last = dialplan.steps[ways["next"]]
    return not last.exits() and not last.says()


def _asked_for_secret(step: Step, state: CallState) -> str | None:
    """The step that asked for a secret which `step` needs and which died with the engine before us."""
    for name in step.digits_used().values():
        if name not in state.secrets and (asked := state.variables.get(SECRET + name)):
            return asked
    return None


def _go_back(state: CallState, step: str) -> None:
    """To a step that the call has passed, as if it had come no further."""
    behind = len(state.path) - state.path[::-1].index(step)
    del state.path[behind:]
    state.step, state.retries = step, 0
