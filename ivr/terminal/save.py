"""A session as a scenario of tests/flows/scenarios: what the caller did and what came of it."""

import json
from collections.abc import Iterator

from ivr.call import CallbackPromise
from ivr.clock import JAPAN
from ivr.terminal.call import BEEP, Agent, seconds
from ivr.terminal.session import Deed, Session


def scenario(session: Session) -> str:
    """A list of one scenario, as YAML.

    `heard` is left out if the call went through a queue or a transfer: what is said there until somebody answers depends
    on how fast it is said, and the suite's voice is quicker than ours.
    """
    state, promise = session.state, _promise(session)
    at = session.began.astimezone(JAPAN)
    lines = [
        f"- name: {_text(f'{session.line}, {at:%Y-%m-%d %H:%M}: {state.outcome}')}",
        f"  line: {session.line}",
        f"  at: {_text(at.replace(tzinfo=None).isoformat(sep=' '))}",
        f"  number: {_text(session.caller.number or 'withheld')}",
        "  agents:" if session.agents else "  agents: {}",
        *(f"    {agent.name}: {_agent(agent)}" for agent in session.agents),
    ]
    types = {step.type for step in session.steps}
    lines += [f"  outside: {_outside(session.outside)}"] if "transfer" in types else []
    does = [f"    - {_flow(each)}" for each in _does(session)]
    lines += ["  does:", *does] if does else []
    if not types & {"queue", "transfer"}:
        lines += ["  heard:", *(f"    - {_text(_beep(text))}" for text in session.heard)]
    lines += [f"  path: {_text(' '.join(state.path))}", f"  outcome: {state.outcome}"]
    lines += [f"  cause: {state.cause}"] if state.cause else []
    lines += [f"  talks_to: {session.talked_to}"] if session.talked_to else []
    lines += [f"  promise: {promise.priority}, {promise.due}, {promise.hours}"] if promise else []
    if session.asked is not None and session.asked.number != session.caller.number:
        lines.append(f"  rung_back: {_text(session.asked.number)}")
    return "\n".join(lines) + "\n"


def _does(session: Session) -> Iterator[dict[str, object]]:
    """The n-th time a text was said, its n-th entry is done; nothing was done where there is only the text."""
    for text in dict.fromkeys(deed.text for deed in session.deeds):
        for turn in range(1, session.heard.count(text) + 1):
            deeds = [deed for deed in session.deeds if (deed.text, deed.turn) == (text, turn)]
            yield {"hears": _beep(text)} | (_did(deeds) if deeds else {})


def _did(deeds: list[Deed]) -> dict[str, object]:
    does: dict[str, object] = {"after": deeds[0].after}
    for deed in deeds:
        if deed.words:
            does["say"] = round(seconds(deed.words), 2)
        if deed.press:
            does |= {"press": deed.press, "gap": 0}
        if deed.hang_up:
            does["hang_up"] = True
    return does


def _agent(agent: Agent) -> str:
    if agent.state != "available":
        return _flow({"group": agent.group, "state": agent.state})
    return _flow({"group": agent.group, "answers": agent.answers, "talks": agent.talks})


def _outside(telephone: Agent) -> str:
    if telephone.state == "talking":
        return _flow({"broken": "busy"})
    return _flow({"answers": telephone.answers, "talks": telephone.talks})


def _promise(session: Session) -> CallbackPromise | None:
    if session.asked is not None:
        return session.asked.promise
    return session.message.promise if session.message and session.message.ticket else None


def _beep(text: str) -> str:
    return text.replace(BEEP, "BEEP")


def _flow(values: dict[str, object]) -> str:
    return "{" + ", ".join(f"{name}: {_text(value)}" for name, value in values.items()) + "}"


def _text(value: object) -> str:
    """JSON's scalars are YAML's."""
    return json.dumps(value, ensure_ascii=False)
