"""No caller hears more than LONGEST_MENUS of menus in a row before something else happens.

`check` refuses menus that take longer when each is heard once; what is left of the time bounds how often
they are said again. Seconds are those of the text, about, so that every call of a dialplan goes alike.
A replay by key does not count: it is the caller's wish.
"""

from collections.abc import Mapping, Sequence

from ivr.call import CallState
from ivr.dialplan.model import Dialplan, Step

LONGEST_MENUS = 45.0  # seconds
CHARACTERS_A_SECOND = 7  # of the synthetic voice, about
# Variables of the state: seconds of menus that were heard in a row, the most with which this one may end.
HEARD, MOST = "menus_heard", "menus_most"


def seconds(text: str) -> float:
    return len(text) / CHARACTERS_A_SECOND


def lengths(steps: Mapping[str, Step]) -> dict[str, float]:
    """Of each menu, heard once; 0 for a step that says nothing and so interrupts no row of menus."""
    return {
        name: _once(step) if step.type == "menu" else 0.0
        for name, step in steps.items()
        if step.type == "menu" or not step.says()
    }


def begin(state: CallState, texts: Sequence[str]) -> None:
    """Something else than menus happened, or the caller wants to hear these anew; now they are said."""
    state.variables[HEARD] = f"{sum(map(seconds, texts)):.1f}"


def after(dialplan: Dialplan, step: Step) -> float:
    """The most seconds of menus that follow a step in a row."""
    own, rest = lengths(dialplan.steps), dialplan.menus_to_come
    return max((own[each] + rest[each] for each in step.exits().values() if each in own), default=0.0)


def _once(step: Step) -> float:
    """Of a menu: its choices, and that they may be said aloud."""
    says = step.says()
    return seconds(says["say"] + says.get("may_speak", ""))


def enter(dialplan: Dialplan, state: CallState, name: str) -> None:
    """The caller comes to the step `name`, and hears it once if it is a menu."""
    step, variables = dialplan.steps[name], state.variables
    if step.type != "menu":
        if step.says():
            variables.pop(HEARD, None)
        if step.menu_at_its_end():
            variables[MOST] = f"{LONGEST_MENUS - after(dialplan, step):.1f}"
        return
    own = _once(step)
    most = LONGEST_MENUS - dialplan.menus_to_come[name]
    heard = float(variables.get(HEARD, "0")) + own
    if heard > most:  # by a key that led back: the caller wants to hear it anew
        heard = own
    variables[HEARD], variables[MOST] = f"{heard:.1f}", f"{most:.1f}"


def again(state: CallState, texts: Sequence[str]) -> bool:
    """Whether there is time to say `texts` once more; then they count as heard."""
    heard = float(state.variables.get(HEARD, "0")) + sum(map(seconds, texts))
    if heard > float(state.variables.get(MOST, LONGEST_MENUS)):
        return False
    state.variables[HEARD] = f"{heard:.1f}"
    return True
