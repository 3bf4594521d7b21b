"""Which places a matter is told to, by the rules of its line. Pure."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ivr.dialplan.notices import NoticeRule, PlacesModel, When


@dataclass(frozen=True)
class Told:
    """One notice to make. `after`: only then, and only if nobody has looked by then."""

    event: str
    channel: str
    target: str
    include: tuple[str, ...]
    reply: str
    after: timedelta | None = None


def told(
    rules: Sequence[NoticeRule], events: Collection[When], is_open: Callable[[str], bool | None]
) -> list[Told]:
    """`events`: what the matter is. `is_open`: name of hours -> whether they were open then; None: nobody knows.

    Each place once, by the first rule that fits, and once more for what is told later.
    """
    found: dict[tuple[str, str, bool], Told] = {}
    for rule in rules:
        event = next((each for each in rule.when if each in events), None)
        if event is None or not _then(rule, is_open):
            continue
        for one in _of(rule, event, rule, None):
            found.setdefault((one.channel, one.target, False), one)
        for one in _of(rule, event, rule.then, rule.unless_seen):
            found.setdefault((one.channel, one.target, True), one)
    return list(found.values())


def _of(rule: NoticeRule, event: str, places: PlacesModel | None, after: timedelta | None) -> list[Told]:
    targets = places.targets() if places else []
    include = places.include if places else ()
    return [Told(event, channel, target, include, rule.reply, after) for channel, target in targets]


def _then(rule: NoticeRule, is_open: Callable[[str], bool | None]) -> bool:
    """Hours of which nobody knows are no reason to tell nobody."""
    return all(is_open(hours) in (None, state == "open") for hours, state in rule.during.items())
