"""`ivr simulate`: a line of the files, a moment, a caller."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from ivr.call import Caller
from ivr.dialplan.model import Dialplan
from ivr.dialplan.numbers import e164
from ivr.dialplan.problems import did_you_mean
from ivr.errors import BadArgument
from ivr.terminal.call import Agent
from ivr.terminal.person import Scripted, Typing
from ivr.terminal.save import scenario
from ivr.terminal.session import Session, groups, simulate, staff

WITHHELD = "anonymous"  # --caller


def play(
    dialplan: Dialplan,
    at: datetime,
    *,
    keys: str | None,
    say: Sequence[str],
    agents: Sequence[Agent],
    caller: Caller,
    save: Path | None,
    report: Callable[[str], None],
    outside: Agent | None = None,
) -> Session:
    """`at` is told in its own zone. Without `keys` and `say` the caller types; `save`: a new scenario file."""
    assert at.tzinfo is not None
    scripted = Scripted(keys or "", say)
    person = Typing() if keys is None and not say else scripted
    session = simulate(
        dialplan, person, at, agents, zone=at.tzinfo, caller=caller, report=report, outside=outside
    )
    if scripted.left:
        report(f"nobody asked for the keys {scripted.left}")
    if save is not None:
        save.write_text(scenario(session), "utf-8")
    return session


def caller(text: str) -> Caller:
    """A Japanese number in any usual spelling, or "anonymous"."""
    if text == WITHHELD:
        return Caller(None, "anonymous")
    try:
        return Caller(e164(text))
    except ValueError as error:
        raise BadArgument(str(error)) from None


def outside(*, busy: bool, nobody: bool) -> Agent:
    """Who answers telephones outside."""
    telephone = Agent("outside", "", state="talking" if busy else "available")
    if nobody:
        telephone.answers = None
    return telephone


def agents(dialplan: Dialplan, spec: str | None, *, busy: bool, nobody: bool) -> list[Agent]:
    """`spec` like "support=1,billing=0": free agents of each group, one where it says nothing."""
    if nobody:
        return []
    known = groups(dialplan)
    free: dict[str, int] = {}
    for part in spec.split(",") if spec else []:
        found = re.fullmatch(r"\s*([^=\s]+)\s*=\s*(\d{1,3})\s*", part)
        if not found:
            raise BadArgument(f'"{part}" says no number of agents; write for example "support=1,billing=0"')
        if found[1] not in known:
            raise BadArgument(f'the line rings no group "{found[1]}"{did_you_mean(found[1], known)}')
        free[found[1]] = int(found[2])
    return staff(dialplan, free, talking=busy)
