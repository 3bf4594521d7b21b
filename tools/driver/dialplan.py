"""A dialplan that nobody has seen: random numbers, hours, menu keys, depth, names, promises."""

import json
import random
import string
from dataclasses import dataclass, field
from pathlib import Path

from tools.driver.office import Office

DUES = ("1 business day", "2 business days", "4 business hours", "90m")
SILENCE = 4  # seconds that end a message
AREAS = (("03", 8), ("06", 8), ("045", 7), ("050", 8), ("092", 7))


@dataclass
class Way:
    """How a caller gets somewhere: what is pressed, and the path that this makes."""

    keys: list[str] = field(default_factory=list)  # as the menus spell them
    path: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)  # as they may be pressed instead


@dataclass
class Destination:
    """A queue, and the messages behind it."""

    group: str
    step: str
    way: Way
    key: str  # leads to `asked`
    message: str
    asked: str


@dataclass
class Line:
    key: str  # of its file
    number: str
    capacity: int
    closed_path: list[str]
    closed_message: str
    destinations: dict[str, Destination]
    dues: dict[str, str]  # message step -> when its callback is due
    greetings: dict[str, str]  # message step -> what is said before the beep
    text: str


class Names:
    """Of steps and groups and agents: letters without a meaning, each once."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._used: set[str] = set()

    def new(self, prefix: str) -> str:
        while True:
            name = prefix + "".join(self._dice.choices(string.ascii_lowercase, k=5))
            if name not in self._used:
                self._used.add(name)
                return name


def national_number(dice: random.Random, areas: tuple[tuple[str, int], ...] = AREAS) -> str:
    """A number that may exist: such a block is in use."""
    area, length = dice.choice(areas)
    blocks = {"03": "5", "06": "6", "045": "3", "050": "3", "092": "4", "090": "2", "080": "3", "070": "2"}
    return area + blocks[area] + "".join(dice.choices(string.digits, k=length - 1))


def e164(national: str) -> str:
    return "+81" + national[1:]


def menu_keys(dice: random.Random, count: int) -> list[str]:
    """Such as "#4", "7", "*0", "#35"; sometimes "#4" and "4" with two meanings. None begins with another."""
    digits = dice.sample(string.digits, count)
    keys = [dice.choice(("#{}", "#{}", "{}", "*{}", "#{}5")).format(digit) for digit in digits]
    if count > 1 and dice.random() < 0.3:
        keys[:2] = [f"#{digits[0]}", digits[0]]
    return keys


def alone(key: str, keys: list[str]) -> str:
    """`#4` may be pressed as 4, unless 4 means something of its own there."""
    bare = key[1:]
    return bare if key[0] == "#" and not any(other.startswith(bare[0]) for other in keys) else key


def draw_main(dice: random.Random, office: Office, groups: list[str]) -> Line:
    """A line with a menu or two; its destinations are named after `groups`."""
    return _Draft(dice, office, "driver_main", capacity=9).with_menus(groups, dice.choice((1, 2)))


def draw_small(dice: random.Random, office: Office, group: str) -> Line:
    """A line of capacity 1 without a menu."""
    return _Draft(dice, office, "driver_small", capacity=1).without_menu(group)


class _Draft:
    def __init__(self, dice: random.Random, office: Office, key: str, capacity: int) -> None:
        self._dice = dice
        self._office = office
        self._names = Names(dice)
        self._steps: dict[str, dict[str, object]] = {}
        self._hours = self._names.new("h_")
        self._thanks, self._bye = self._names.new("s_"), self._names.new("s_")
        self.line = Line(key, national_number(dice), capacity, [], "", {}, {}, {}, "")

    def with_menus(self, groups: list[str], depth: int) -> Line:
        first = self._names.new("s_")
        start = self._begin(first)
        deep = groups[1:] if depth == 2 else []
        below = self._names.new("s_") if deep else ""
        direct = [group for group in groups if group not in deep]
        info = self._names.new("s_")
        self._steps[info] = {
            "type": "play",
            "say": "ホームページをご覧ください。お電話ありがとうございました。",
            "next": self._bye,
        }
        targets = [self._queue(group).step for group in direct] + ([below] if below else []) + [info]
        ways = self._menu(first, targets, Way(path=start))
        if below:
            inner = [self._queue(group).step for group in deep]
            ways |= self._menu(below, inner, ways[below])
        for destination in self.line.destinations.values():
            destination.way = ways[destination.step]
            destination.way.path.append(destination.step)
        return self._written()

    def without_menu(self, group: str) -> Line:
        destination = self._queue(group)
        destination.way = Way(path=[*self._begin(destination.step), destination.step])
        return self._written()

    def _begin(self, opened: str) -> list[str]:
        """Welcome and hours; the path of a caller in open hours up to there."""
        welcome, office = self._names.new("s_"), self._names.new("s_")
        closed = self._message("{closed_greeting}発信音の後に、ご用件をお話しください。")
        self._steps[welcome] = {
            "type": "play",
            "say": "お電話ありがとうございます。{line}でございます。",
            "next": office,
        }
        self._steps[office] = {"type": "hours", "hours": self._hours, "open": opened, "closed": closed}
        self._start = welcome
        self.line.closed_message = closed
        self.line.closed_path = [welcome, office, closed]
        return [welcome, office]

    def _menu(self, name: str, targets: list[str], way: Way) -> dict[str, Way]:
        keys = menu_keys(self._dice, len(targets))
        say = (
            "".join(f"ご用件{n}は、{_spoken(key)}を、" for n, key in enumerate(keys, 1)) + "押してください。"
        )
        self._steps[name] = {
            "type": "menu",
            "say": say,
            "keys": dict(zip(keys, targets, strict=True)),
            "repeat": "1",
            "otherwise": targets[0],
        }
        return {
            target: Way([*way.keys, key], [*way.path, name, key], [*way.alone, alone(key, keys)])
            for key, target in zip(keys, targets, strict=True)
        }

    def _queue(self, group: str) -> Destination:
        name = self._names.new("s_")
        busy = self._message("ただいま電話が大変混み合っております。発信音の後に、ご用件をお話しください。")
        asked = self._message("留守番電話におつなぎいたします。発信音の後に、ご用件をお話しください。")
        key = self._dice.choice("#*") + self._dice.choice(string.digits)
        self._steps[name] = {
            "type": "queue",
            "agents": group,
            "max_wait": "8s",
            "busy_wait": "6s",
            "keys": {key: asked},
            "otherwise": busy,
        }
        self.line.destinations[group] = Destination(group, name, Way(), key, busy, asked)
        return self.line.destinations[group]

    def _message(self, say: str) -> str:
        name = self._names.new("s_")
        self.line.dues[name] = self._dice.choice(DUES)
        self.line.greetings[name] = say.removeprefix("{closed_greeting}")
        priority = self._dice.choice(("critical", "high", "medium", "low"))
        self._steps[name] = {
            "type": "voicemail",
            "say": say,
            "max": "30s",
            "silence": f"{SILENCE}s",
            "callback": {"priority": priority, "due": self.line.dues[name]},
            "next": self._thanks,
        }
        return name

    def _written(self) -> Line:
        line = self.line
        self._steps[self._thanks] = {"type": "play", "say": "メッセージを承りました。", "next": self._bye}
        self._steps[self._bye] = {"type": "hangup"}
        head = {
            "tenant": "driver",
            "name": "お試し窓口",
            "numbers": [line.number],
            "capacity": str(line.capacity),
        }
        parts = [f"line: {_yaml(head)}", "hours:", f"  {self._hours}: {_yaml(self._office.as_yaml())}"]
        steps = list(self._steps.items())
        self._dice.shuffle(steps)
        parts += [f"start: {self._start}", "steps:", *(f"  {name}: {_yaml(step)}" for name, step in steps)]
        line.text = "\n".join(parts) + "\n"
        return line


def write(lines: list[Line], folder: Path) -> None:
    folder.mkdir(parents=True)
    for line in lines:
        (folder / f"{line.key}.yaml").write_text(line.text, "utf-8")


def _yaml(value: object) -> str:
    """JSON is YAML as it stands."""
    return json.dumps(value, ensure_ascii=False)


def _spoken(key: str) -> str:
    return key.replace("#", "シャープと").replace("*", "米印と")
