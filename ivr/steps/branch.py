"""branch: goes where the first case leads that holds; asks the caller nothing.

```yaml
who:
  type: branch
  when:
    - {withheld: true, next: ask_number}
    - {caller: ["03-1234-5678", "090-1234-5678"], next: partners}
    - {calls: 10, hours: office, next: crowded}
    - {wait: 10m, agents: support, next: crowded}
    - {language: en, next: english}
  otherwise: menu
```
All that a case names must be true: `withheld`, `caller` (one of these numbers), `calls` (at least so many
callers of the line wait or talk), `wait` and `agents` (who entered that queue now would wait at least so
long), `language` (the caller's), `hours` (open now), `digits` (collected under that name), of which `equals`
and `begins` ask for one of several values.
"""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from ivr.call import Call
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import DigitsName, Duration, Step, StepName
from ivr.dialplan.numbers import e164
from ivr.dialplan.part import Part

Number = Annotated[str, BeforeValidator(lambda value: e164(str(value)))]
Digits = Annotated[str, Field(pattern=r"^[0-9]{1,32}$")]


def _language(value: object) -> str:
    text = str(value).strip().lower()
    if not re.fullmatch(r"[a-z]{2,3}", text):
        raise ValueError(f'"{text}" is no language; write its two letters, like "en"')
    return text


Language = Annotated[str, BeforeValidator(_language)]


class Case(Part):
    """One case; what it does not name does not matter."""

    next: StepName
    """the step when all holds"""
    withheld: bool | None = None
    """`true`: the caller's number is not known; `false`: it is"""
    caller: Annotated[tuple[Number, ...], Field(max_length=1000)] = ()
    """the caller's number is one of these"""
    calls: Annotated[int | None, Field(ge=1, le=10_000)] = None
    """at least so many callers of the line wait or talk at this moment, as `capacity` counts them"""
    wait: Duration | None = None
    """a caller who entered the queue of `agents` now would wait at least so long; not true while the wait is
    unknown, before three callers of the group were served"""
    agents: str | None = None
    """the group that `wait` is about"""
    language: Language | None = None
    """the caller's language, as `ja` or `en`: what the endpoint or trunk sets in Asterisk (`language=`), else `ja`"""
    hours: str | None = None
    """these hours are open now; hours of their own make a branch by the time of day"""
    digits: DigitsName | None = None
    """digits of this name were entered"""
    equals: Annotated[tuple[Digits, ...], Field(max_length=1000)] = ()
    """they are one of these"""
    begins: Annotated[tuple[Digits, ...], Field(max_length=1000)] = ()
    """they begin with one of these"""

    @model_validator(mode="after")
    def _whole(self) -> "Case":
        if (self.equals or self.begins) and self.digits is None:
            raise ValueError('"digits" is missing: which ones are meant')
        if (self.wait is None) != (self.agents is None):
            missing = "agents" if self.wait else "wait"
            raise ValueError(
                f'"{missing}" is missing: the wait in the queue of a group, as wait: 10m, agents: support'
            )
        if self.model_fields_set == {"next"}:
            raise ValueError('a case needs a condition; what holds always is "otherwise"')
        return self

    async def holds(self, call: Call, desk: Desk) -> bool:
        entered = call.state.entered(self.digits) if self.digits else ""
        return (
            self.withheld in (None, call.caller.number is None)
            and (not self.caller or call.caller.number in self.caller)
            and (self.calls is None or desk.seats.on_line(desk.key) >= self.calls)
            and self.language in (None, re.split("[-_]", call.caller.language.lower())[0])
            and (self.hours is None or desk.calendars[self.hours].state(desk.clock.now()).open)
            and (self.digits is None or entered != "")
            and (not self.equals or entered in self.equals)
            and (not self.begins or entered.startswith(self.begins))
            and await self._crowded(desk)
        )

    async def _crowded(self, desk: Desk) -> bool:
        if self.wait is None or self.agents is None:
            return True
        expected = await desk.seats.expected_wait(self.agents, desk.key)
        return expected is not None and expected >= self.wait


class Branch(Step):
    type: Literal["branch"]
    when: Annotated[tuple[Case, ...], Field(min_length=1, max_length=100)]
    """the cases, each with its `next`"""
    otherwise: StepName
    """the step when none holds"""

    def exits(self) -> dict[str, str]:
        cases = {f"when.{number}.next": case.next for number, case in enumerate(self.when)}
        return cases | {"otherwise": self.otherwise}

    def hours_used(self) -> dict[str, str]:
        return {f"when.{number}.hours": case.hours for number, case in enumerate(self.when) if case.hours}

    def digits_used(self) -> dict[str, str]:
        return {f"when.{number}.digits": case.digits for number, case in enumerate(self.when) if case.digits}

    def groups_used(self) -> dict[str, str]:
        return {f"when.{number}.agents": case.agents for number, case in enumerate(self.when) if case.agents}

    async def run(self, call: Call, desk: Desk) -> str | None:
        for case in self.when:
            if await case.holds(call, desk):
                return case.next
        return self.otherwise
