"""The loop: step, result, next step. One call is this one coroutine."""

from ivr.call import Call, CallerHungUp
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import Dialplan
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
    try:
        await call.answer()
        for _ in range(LONGEST_PATH):
            if state.step is None:
                break
            if not resumed:
                state.path.append(state.step)
            resumed = False
            desk.journal.entered(call)
            following = await dialplan.steps[state.step].run(call, desk)
            state.step, state.retries = following, 0
        else:
            raise DialplanError(f"the call passed {LONGEST_PATH} steps and is still going")
        if state.outcome == "in_progress":
            state.outcome = "informed"
        await call.hang_up()
    except CallerHungUp:
        if state.outcome == "in_progress":
            state.outcome = "abandoned"
