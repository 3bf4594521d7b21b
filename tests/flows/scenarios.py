"""Scenarios as data: `scenarios/*.yaml` -> Scenario. Expected texts stand there letter by letter.

They run on the dialplan of the same name, in `dialplans/` beside this file or among the live ones, else on
ecforce.yaml. What `ivr simulate --save` writes may be put there too: it names its `line`, and has texts
instead of their names.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from ivr.call import CallbackPromise
from ivr.dialplan.load import load_beside
from ivr.dialplan.model import Dialplan
from ivr.steps import STEPS
from tests.fakes.fake_customers import Book, Known
from tests.fakes.fake_retrieval import Message, Shelf, Ticket
from tests.fakes.fake_roster import Agent
from tests.fakes.world import AgentTelephone, Do
from tests.flows.office import TOKYO, Office, Visit, ecforce

FOLDER = Path(__file__).parent / "scenarios"
DIALPLANS = Path(__file__).parent / "dialplans"
LIVE = Path(__file__).parents[2] / "dialplans"
TEXTS: Mapping[str, str] = {
    name: text
    for file in sorted(FOLDER.glob("texts*.yaml"))
    for name, text in yaml.safe_load(file.read_text()).items()
}
_NAMES = {text: name for name, text in TEXTS.items()}
OPEN = "2026-11-24 11:00"
PROMISE = "medium, 1 business day, office"


@dataclass(frozen=True)
class Expected:
    """`heard`: names of texts, with … if cut off; None, as elsewhere, if the scenario does not say.

    `talks_to`: the agents, one after the other; `in_talk`: seconds of the talk until a text is said.
    `promise` is of the message's callback and `due` what comes of it; `kept`: digits by name; `never_saved`:
    what no saved state of the call may hold; `rung_back` and `dialled`: the number of the callback if it is
    not the caller's own, and the number outside that was dialled. `takes`: by number, the recordings that the
    message is made of, `played` those that the caller listened to, `text` what the transcriber heard of it; `joins`: the ticket
    that the message is put to.
    """

    path: list[str]
    outcome: str
    cause: str | None
    heard: list[str] | None
    talks_to: list[str] | None
    waits: float | None
    recorded: float | None
    answers: dict[str, int]
    in_talk: dict[str, float]
    promise: CallbackPromise
    due: datetime | None
    kept: dict[str, str] | None
    never_saved: str | None
    rung_back: str | None
    dialled: str | None
    takes: list[int] | None
    played: list[int] | None
    urgent: bool
    text: str | None
    joins: str | None

    def talked(self, to: list[str]) -> bool:
        return len(to) == (self.outcome == "answered") if self.talks_to is None else to == self.talks_to


@dataclass(frozen=True)
class Scenario:
    name: str
    data: Mapping[str, Any]
    dialplan: Dialplan

    def office(self) -> Office:
        """A fresh one; needs a running loop."""
        visits = [
            Visit(
                f"c{number}",
                _script(caller),
                _number(caller),
                caller.get("calls_at", 0.0),
                caller.get("language", "ja"),
            )
            for number, caller in enumerate(self._callers(), 1)
        ]
        agents = [_agent(name, agent) for name, agent in self.data.get("agents", {}).items()]
        office = Office(str(self.data.get("at", OPEN)), visits, agents, self.dialplan)
        for name, value in self.data.get("closings", {}).items():
            setattr(office.book, name, value)
        _fill(office.shelf, self.data)
        _know(office.customers, self.data.get("known", {}), self.dialplan)
        office.world.recorder_fails = "recorder" in self.data
        office.room.full = self.data.get("disk") == "full"
        office.world.transcriber = self.data.get("transcriber") != "gone"
        if (outside := self.data.get("outside")) is not None:
            rings = [outside.get("answers")]
            office.world.outside = AgentTelephone(
                "outside", rings, outside.get("talks"), outside.get("broken")
            )
        return office

    def expected(self) -> list[Expected]:
        return [
            Expected(
                caller["path"].split(),
                caller["outcome"],
                caller.get("cause"),
                _named(caller.get("heard")),
                _agents(caller.get("talks_to")),
                caller.get("waits"),
                caller.get("recorded"),
                caller.get("answers", {}),
                caller.get("in_talk", {}),
                _promise(caller.get("promise", PROMISE)),
                _moment(caller.get("due")),
                caller.get("kept"),
                caller.get("never_saved"),
                caller.get("rung_back"),
                caller.get("dialled"),
                caller.get("takes"),
                caller.get("played"),
                caller.get("urgent", False),
                caller.get("text"),
                caller.get("joins"),
            )
            for caller in self._callers()
        ]

    def _callers(self) -> list[Mapping[str, Any]]:
        callers: list[Mapping[str, Any]] = self.data.get("callers", [self.data])
        return callers


def _fill(shelf: Shelf, data: Mapping[str, Any]) -> None:
    """What staff find who listen to messages by telephone."""
    shelf.pin, shelf.broken = data.get("pin"), "shelf_broken" in data
    shelf.tickets = {name: Ticket(**ticket) for name, ticket in data.get("tickets", {}).items()}
    for message in data.get("messages", []):
        told = {"line": "flower", "tenant": "flower", **message, "received": _moment(message["received"])}
        shelf.messages.append(Message(**told | ({"number": _number(message)})))


def _know(book: Book, data: Mapping[str, Any], dialplan: Dialplan) -> None:
    """What is known of callers from before."""
    book.broken = "broken" in data
    book.refused = data.get("refused", [])
    book.own = data.get("own", {})
    for each in data.get("callbacks", []):
        times = {name: _moment(each.get(name)) for name in ("due", "following")}
        told = {"line": dialplan.key, "tenant": dialplan.line.tenant, **each, **times}
        book.callbacks.append(Known(**told | ({"number": _number(each)})))


def _script(caller: Mapping[str, Any]) -> list[Do]:
    return [_do(dict(does)) for does in caller.get("does", [])]


def _do(does: dict[str, Any]) -> Do:
    if "hears" in does:
        # People take a second to react; who speaks after the beep does so at once.
        text = does.pop("hears")
        after = does.pop("after", 0.0 if text == "BEEP" else 1.0)
        return Do(TEXTS.get(text, text), after, **does)
    if "during" in does:
        text = does.pop("during")
        return Do(TEXTS.get(text, text), during=True, **does)
    return Do(**does)


def _number(caller: Mapping[str, Any]) -> str | None:
    number = str(caller.get("number", "+819012345678"))
    return None if number == "withheld" else number


def _agent(name: str, data: Mapping[str, Any]) -> tuple[Agent, AgentTelephone]:
    answers = data.get("answers")
    agent = Agent(name, data["group"], data.get("state", "available"), data.get("wrap_up", 30))
    rings = answers if isinstance(answers, list) else [answers]
    return agent, AgentTelephone(name, rings, data.get("talks"), data.get("broken"))


def _agents(names: str | list[str] | None) -> list[str] | None:
    return [names] if isinstance(names, str) else names


def _promise(text: str) -> CallbackPromise:
    priority, due, hours = text.split(", ")
    return CallbackPromise(priority, due, hours)


def _moment(text: str | datetime | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(str(text)).replace(tzinfo=TOKYO)


def _named(heard: list[str] | None) -> list[str] | None:
    return None if heard is None else [name_of(text) for text in heard]


def name_of(text: str) -> str:
    """The name of a text, with … if it was cut off; what has no name stays. Of several names it is the last."""
    whole = text.removesuffix("…")
    said = TEXTS.get(whole, whole)
    return _NAMES.get(said, said) + text[len(whole) :]


def heard_names(visit: Visit) -> list[str]:
    return [_NAMES.get(each.text, each.text) + ("" if each.whole else "…") for each in visit.telephone.heard]


def scenarios() -> Iterator[Scenario]:
    for file in sorted(FOLDER.glob("*.yaml")):
        if not file.name.startswith("texts"):
            yield from read(file.stem, file.read_text())


def read(name: str, text: str) -> Iterator[Scenario]:
    for data in yaml.safe_load(text):
        yield Scenario(f"{name}: {data['name']}", data, _dialplan(data.get("line", name)))


@functools.cache
def _dialplan(name: str) -> Dialplan:
    files = (DIALPLANS / f"{name}.yaml", LIVE / f"{name}.yaml")
    return next((load_beside(file, STEPS) for file in files if file.exists()), ecforce()[0])
