"""Reads `trunks.yaml` and the passwords beside it: all that is wrong at once, with file, line and column."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from ivr.dialplan.check import line_numbers
from ivr.dialplan.load import file_text
from ivr.dialplan.model import Dialplan
from ivr.dialplan.problems import BadDialplan, Problem, did_you_mean
from ivr.dialplan.shape import problems_of
from ivr.dialplan.source import Source, read
from ivr.errors import SettingsError
from ivr.trunks.model import NatModel, TrunkModel, TrunksShape

SPARE = 2  # channels beyond the lines' capacity: for who is in a menu or leaves a message


@dataclass(frozen=True, slots=True)
class Trunk:
    """`password` None: calls and registrations go out without one."""

    name: str
    model: TrunkModel
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Trunks:
    by_name: Mapping[str, Trunk] = field(default_factory=dict)
    nat: NatModel | None = None

    def of_number(self, number: str) -> Trunk | None:
        """The trunk that has this number of ours, E.164."""
        return next((each for each in self.by_name.values() if number in each.model.numbers), None)


def load_trunks(file: Path | None, passwords: Path) -> tuple[Trunks, list[Problem]]:
    """And what is wrong; no trunks at all if anything is. `file` None: there are none."""
    if file is None:
        return Trunks(), []
    try:
        source = read(file.name, file_text(file, file.name))
    except BadDialplan as bad:
        return Trunks(), list(bad.problems)
    shape, problems = _shape(source)
    if shape is None:
        return Trunks(), problems
    try:
        known = read_passwords(passwords)
    except SettingsError as error:
        return Trunks(), [*problems, Problem(passwords.name, 1, 1, "", str(error))]
    problems += (
        _twice(source, shape) + _alike(source, shape) + _without_password(source, shape, known, passwords)
    )
    if any(problem.severity == "error" for problem in problems):
        return Trunks(), problems
    by_name = {name: Trunk(name, model, known.get(name)) for name, model in shape.trunks.items()}
    return Trunks(by_name, shape.nat), problems


def read_passwords(file: Path) -> dict[str, str]:
    """Name of the trunk -> password, of lines `hikari = "…"`; empty without the file. SettingsError if it is no such file."""
    try:
        text = file.read_text("utf-8")
        if file.stat().st_mode & 0o077:
            raise SettingsError(f"others may read it: chmod 600 {file.name}")
        found = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"it cannot be read: {error}") from error
    wrong = [name for name, value in found.items() if not isinstance(value, str) or not value.isprintable()]
    if wrong:
        raise SettingsError(f'{wrong[0]} has no password; write {wrong[0]} = "…"')
    return found


def against_lines(file: Path | None, trunks: Trunks, dialplans: Iterable[Dialplan]) -> list[Problem]:
    """What does not fit the lines that exist: `default_line`, and too few channels for their capacity."""
    if file is None or not trunks.by_name:
        return []
    source = read(file.name, file_text(file, file.name))
    lines = {dialplan.key: dialplan for dialplan in dialplans}
    problems: list[Problem] = []
    for name, trunk in trunks.by_name.items():
        default = trunk.model.default_line
        if default is not None and default not in lines:
            message = f'there is no line "{default}"{did_you_mean(default, lines)}'
            problems.append(source.problem(("trunks", name, "default_line"), message))
            continue
        served = [line for line in lines.values() if default == line.key or _serves(trunk, line)]
        needed = sum(line.line.capacity for line in served) + SPARE
        if served and trunk.model.channels < needed:
            message = (
                f"{trunk.model.channels} channels are too few for the capacity of {', '.join(sorted(line.key for line in served))}; "
                f"with fewer than {needed} the carrier says busy to callers who could have left a message"
            )
            path = ("trunks", name, "channels")
            problems.append(source.problem(path, message, severity="warning"))
    return problems


def _serves(trunk: Trunk, line: Dialplan) -> bool:
    return not line_numbers(line).keys().isdisjoint(trunk.model.numbers)


def _shape(source: Source) -> tuple[TrunksShape | None, list[Problem]]:
    problems = list(source.problems)
    problems += [
        source.problem(path, "has no value; write one, or take the line out") for path in source.unfilled
    ]
    if source.tree is None and not problems:
        return TrunksShape(), []
    if not isinstance(source.tree, dict):
        return None, problems or [source.problem((), 'this file needs the key "trunks"')]
    try:
        shape = TrunksShape.model_validate(source.tree)
    except ValidationError as error:
        return None, problems + problems_of(source, (), TrunksShape, error, set(source.unfilled))
    return (None if problems else shape), problems


def _twice(source: Source, shape: TrunksShape) -> list[Problem]:
    problems: list[Problem] = []
    first: dict[str, str] = {}
    for name, trunk in shape.trunks.items():
        for place, number in enumerate(trunk.numbers):
            if (before := first.setdefault(number, name)) != name:
                message = f'trunk "{before}" has this number already'
                problems.append(source.problem(("trunks", name, "numbers", place), message))
    return problems


def _alike(source: Source, shape: TrunksShape) -> list[Problem]:
    """A call that comes by no registration of ours is known by its address alone."""
    problems: list[Problem] = []
    first: dict[str, str] = {}
    for name, trunk in shape.trunks.items():
        for address in () if trunk.registration else trunk.sources:
            if (before := first.setdefault(address, name)) != name:
                message = f'calls of trunk "{before}" come from {address}, too; tell them apart by "match"'
                problems.append(source.problem(("trunks", name), message))
    return problems


def _without_password(
    source: Source, shape: TrunksShape, known: Mapping[str, str], passwords: Path
) -> list[Problem]:
    problems = []
    for name, trunk in shape.trunks.items():
        if trunk.user is not None and name not in known:
            message = f'no password; write {name} = "…" into {passwords.name}'
            problems.append(source.problem(("trunks", name, "user"), message))
    return problems
