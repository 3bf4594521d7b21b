"""Reads one dialplan file: syntax, then shape, then references, each only if the one before is clean.

All problems of a phase come at once, in BadDialplan. What is read here hangs together;
whether it serves every caller is asked by `check`.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from ivr.dialplan.model import Dialplan, Step
from ivr.dialplan.problems import BadDialplan, Problem, Severity, did_you_mean
from ivr.dialplan.shape import meant_key, read_shape
from ivr.dialplan.source import Source, YamlPath, read
from ivr.errors import DialplanError

LARGEST = 1_000_000  # bytes
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def load_all(
    directory: Path, step_types: Mapping[str, type[Step]]
) -> tuple[dict[str, Dialplan], list[Problem]]:
    """The dialplans that hang together, by file, and the problems of the others.

    A file is called as people see it, "dialplans/ecforce.yaml". DialplanError if there is none:
    a directory that is not mounted must not pass for a desk without lines.
    """
    dialplans: dict[str, Dialplan] = {}
    problems: list[Problem] = []
    for path in _files(directory):
        file = f"{directory.name}/{path.name}"
        try:
            dialplans[file] = load(path, step_types, file)
        except BadDialplan as error:
            problems += error.problems
    return dialplans, problems


def _files(directory: Path) -> list[Path]:
    """Raises DialplanError if there is none."""
    try:
        found = sorted(path for path in directory.iterdir() if path.suffix == ".yaml" and path.name[0] != ".")
    except OSError as error:
        raise DialplanError(f"the dialplans in {directory} cannot be read: {error.strerror}") from None
    if not found:
        raise DialplanError(f"there is no dialplan in {directory}; put at least one .yaml file there")
    return found


def load(path: Path, step_types: Mapping[str, type[Step]], name: str | None = None) -> Dialplan:
    """Raises BadDialplan, whatever the file holds and also if it cannot be read.

    `name` heads the problems; without it, the path does.
    """
    name = name or str(path)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise _refused(name, f"the file cannot be read: {error.strerror}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        # The column counts characters, and what comes before the first wrong byte is sound.
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "ignore")) + 1
        message = f"this is not UTF-8{_other_encoding(data)}; save the file as UTF-8"
        raise BadDialplan([Problem(name, line, column, "", message)]) from None
    return load_text(name, text, step_types)


def load_text(name: str, text: str, step_types: Mapping[str, type[Step]]) -> Dialplan:
    """`name` is what problems are headed with; its stem is the dialplan's key. Raises BadDialplan."""
    key = Path(name).stem
    if not _KEY.fullmatch(key):
        raise _refused(name, f'"{key}" is no name for a dialplan; use small letters, digits, "-" and "_"')
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST:
        raise _refused(name, f"the file is larger than {LARGEST} bytes")
    source = read(name, text)
    _stop_on_errors(source.problems)
    if source.tree is None:
        raise BadDialplan([Problem(name, 1, 1, "", "the file is empty"), *source.problems])
    shape, steps, problems = read_shape(source, step_types)
    _stop_on_errors(source.problems + problems)
    assert shape is not None  # there would have been problems
    _stop_on_errors(source.problems + _references(source, shape.start, steps, list(shape.hours)))
    return Dialplan(
        key=key,
        hash=hashlib.sha256(text.encode()).hexdigest(),
        source=text,
        line=shape.line,
        hours=shape.hours,
        start=shape.start,
        steps=steps,
    )


def _references(source: Source, start: str, steps: Mapping[str, Step], hours: list[str]) -> list[Problem]:
    problems = []
    digits = [digits for step in steps.values() if (digits := step.collects())]
    if start not in steps:
        problems.append(source.problem(("start",), f'there is no step "{start}"{did_you_mean(start, steps)}'))
    for name, step in steps.items():
        for field, target in step.exits().items():
            if target not in steps:
                message = f'there is no step "{target}"{did_you_mean(target, steps)}'
                problems.append(field_problem(source, name, field, message))
        for field, target in step.hours_used().items():
            if target not in hours:
                message = f'there are no hours "{target}"{did_you_mean(target, hours)}'
                problems.append(field_problem(source, name, field, message))
        for field, target in step.digits_used().items():
            if target not in digits:
                message = f'no step collects "{target}"{did_you_mean(target, digits)}'
                problems.append(field_problem(source, name, field, message))
    return problems


def field_problem(
    source: Source, step: str, field: str, message: str, *, severity: Severity = "error"
) -> Problem:
    """A problem of the field that a step names by its YAML path, e.g. "keys.#1" or "when.0.next"."""
    path: YamlPath = ("steps", step)
    for name in field.split("."):
        # The model's "*" may be written "star".
        written = [key for key in source.keys(path) if name in (key, meant_key(key))]
        index = int(name) if name.isdecimal() and (*path, int(name)) in source.at else name
        path = (*path, written[0] if written else index)
    return source.problem(path, message, severity=severity)


def _stop_on_errors(problems: list[Problem]) -> None:
    if any(problem.severity == "error" for problem in problems):
        raise BadDialplan(problems)


def _refused(name: str, message: str) -> BadDialplan:
    return BadDialplan([Problem(name, 1, 1, "", message)])


def _other_encoding(data: bytes) -> str:
    try:
        data.decode("cp932")
    except UnicodeDecodeError:
        return ""
    return " but Shift_JIS" if data.strip(b"\0") else ""
