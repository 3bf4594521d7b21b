"""Reads `trunks.yaml` and the passwords beside it: all that is wrong at once, with file, line and column."""

import ssl
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
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
from ivr.trunks.model import NatModel, TlsModel, TrunkModel, TrunksShape

SPARE = 2  # channels beyond the lines' capacity: for who is in a menu or leaves a message


@dataclass(frozen=True, slots=True)
class Trunk:
    """`password` None: calls and registrations go out without one."""

    name: str
    model: TrunkModel
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Trunks:
    """`tls`: its files by absolute paths."""

    by_name: Mapping[str, Trunk] = field(default_factory=dict)
    nat: NatModel | None = None
    tls: TlsModel = field(default_factory=TlsModel)

    def of_number(self, number: str) -> Trunk | None:
        """The trunk that has this number of ours, E.164."""
        return next((each for each in self.by_name.values() if number in each.model.numbers), None)


@dataclass(frozen=True)
class Found:
    """What stands in the file. `trunks`: none at all if anything is wrong; `models`: those that are right in themselves."""

    trunks: Trunks
    problems: list[Problem]
    source: Source | None = None
    models: Mapping[str, TrunkModel] = field(default_factory=dict)


def read_trunks(file: Path | None, passwords: Path) -> Found:
    """`file` None: there are none."""
    if file is None:
        return Found(Trunks(), [])
    try:
        source = read(file.name, file_text(file, file.name))
    except BadDialplan as bad:
        return Found(Trunks(), list(bad.problems))
    shape, problems = _shape(source)
    problems += _twice(source, shape) + _alike(source, shape)
    tls = _absolute(shape.tls or TlsModel(), file.parent.absolute())
    problems += _uncertified(source, shape, tls)
    known: dict[str, str] = {}
    try:
        known = read_passwords(passwords)
        problems += _without_password(source, shape, known, passwords)
    except SettingsError as error:
        problems.append(Problem(passwords.name, 1, 1, "", str(error)))
    if any(problem.severity == "error" for problem in problems):
        return Found(Trunks(), problems, source, shape.trunks)
    by_name = {name: Trunk(name, model, known.get(name)) for name, model in shape.trunks.items()}
    return Found(Trunks(by_name, shape.nat, tls), problems, source, shape.trunks)


def load_trunks(file: Path | None, passwords: Path) -> tuple[Trunks, list[Problem]]:
    """And what is wrong, as of `read_trunks`."""
    found = read_trunks(file, passwords)
    return found.trunks, found.problems


def read_passwords(file: Path) -> dict[str, str]:
    """Name of the trunk -> password, of lines `hikari = "…"`; empty without the file. SettingsError if it is no such file."""
    try:
        text = file.read_text("utf-8")
        if file.stat().st_mode & 0o077:
            raise SettingsError(f"others may read it: chmod 600 {file}")
        found = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"it cannot be read: {error}") from error
    wrong = [name for name, value in found.items() if not isinstance(value, str) or not value.isprintable()]
    if wrong:
        raise SettingsError(f'{wrong[0]} has no password; write {wrong[0]} = "…"')
    return found


def against_lines(found: Found, dialplans: Iterable[Dialplan]) -> list[Problem]:
    """What does not fit the lines that exist: `default_line`, and too few channels for their capacity."""
    if found.source is None:
        return []
    lines = {dialplan.key: dialplan for dialplan in dialplans}
    problems: list[Problem] = []
    for name, model in found.models.items():
        default = model.default_line
        if default is not None and default not in lines:
            message = f'there is no line "{default}"{did_you_mean(default, lines)}'
            problems.append(found.source.problem(("trunks", name, "default_line"), message))
            continue
        served = [line for line in lines.values() if default == line.key or _serves(model, line)]
        needed = sum(line.line.capacity for line in served) + SPARE
        if served and model.channels < needed:
            message = (
                f"{model.channels} channels are too few for the capacity of {', '.join(sorted(line.key for line in served))}; "
                f"with fewer than {needed} the carrier says busy to callers who could have left a message"
            )
            path = ("trunks", name, "channels")
            problems.append(found.source.problem(path, message, severity="warning"))
    return problems


def _serves(model: TrunkModel, line: Dialplan) -> bool:
    return not line_numbers(line).keys().isdisjoint(model.numbers)


def _shape(source: Source) -> tuple[TrunksShape, list[Problem]]:
    """With the trunks that are right in themselves, for what can be said of them all the same."""
    problems = list(source.problems)
    problems += [
        source.problem(path, "has no value; write one, or take the line out") for path in source.unfilled
    ]
    if source.tree is None and not problems:
        return TrunksShape(), []
    if not isinstance(source.tree, dict):
        return TrunksShape(), problems or [source.problem((), 'this file needs the key "trunks"')]
    try:
        return TrunksShape.model_validate(source.tree), problems
    except ValidationError as error:
        problems += problems_of(source, (), TrunksShape, error, set(source.unfilled))
    given = source.tree.get("trunks")
    right: dict[str, TrunkModel] = {}
    for name, tree in given.items() if isinstance(given, dict) else ():
        with suppress(ValidationError):
            right[name] = TrunkModel.model_validate(tree)
    return TrunksShape.model_construct(trunks=right), problems


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


def _absolute(tls: TlsModel, beside: Path) -> TlsModel:
    given = tls.model_dump(exclude_none=True)
    return TlsModel.model_validate({name: str(beside / file) for name, file in given.items()})


def _uncertified(source: Source, shape: TrunksShape, tls: TlsModel) -> list[Problem]:
    """Asterisk would start all the same, and tell nobody but its log why no call comes."""
    problems: list[Problem] = []
    if all(trunk.transport != "tls" for trunk in shape.trunks.values()):
        return problems
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(tls.authorities)
    except OSError as error:
        message = f"{tls.authorities} holds no certificates: {error.strerror or error}"
        problems.append(source.problem(("tls", "authorities"), message))
    try:
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key, password="")
    except (OSError, ValueError) as error:
        message = f"{tls.certificate} and {tls.key} are no certificate and its key: {error}"
        problems.append(source.problem(("tls", "certificate"), message))
    for name, trunk in shape.trunks.items():
        if trunk.transport == "tls" and not trunk.registration and tls.certificate is None:
            message = (
                "this carrier cannot ring us over TLS without a certificate of ours: beside `trunks`, "
                "`tls: {certificate: ours.pem, key: ours.key}`; an Asterisk that was there before has its own"
            )
            problems.append(source.problem(("trunks", name, "transport"), message, severity="warning"))
    return problems


def _without_password(
    source: Source, shape: TrunksShape, known: Mapping[str, str], passwords: Path
) -> list[Problem]:
    problems = []
    for name, trunk in shape.trunks.items():
        if trunk.user is not None and name not in known:
            message = f'no password; write {name} = "…" into {passwords}'
            problems.append(source.problem(("trunks", name, "user"), message))
    return problems
