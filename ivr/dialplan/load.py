"""Reads dialplans, with the shared files they use: syntax, then shape, then references.

Each phase only if the one before is clean.

All problems of a phase come at once, in BadDialplan. What is read here hangs together;
whether it serves every caller is asked by `check`.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ivr.dialplan.across import Beside
from ivr.dialplan.model import Dialplan, Step
from ivr.dialplan.named import fill_in, prompts_of
from ivr.dialplan.problems import BadDialplan, Problem, Severity, did_you_mean
from ivr.dialplan.shape import Shape, SharedShape, meant_key, read_shape
from ivr.dialplan.shared import (
    FOLDER,
    Shared,
    SharedFile,
    join_source,
    marked,
    merge,
    split_source,
    uses,
)
from ivr.dialplan.source import Source, YamlPath, read
from ivr.errors import DialplanError
from ivr.hours.model import HoursModel

LARGEST = 1_000_000  # bytes
READINGS = "readings.yaml"  # stands beside the dialplans and is none
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def load_all(
    directory: Path, step_types: Mapping[str, type[Step]]
) -> tuple[dict[str, Dialplan], list[Problem]]:
    """The dialplans that hang together, by file, and the problems of the others and of shared files.

    A file is called as people see it, "dialplans/ecforce.yaml". DialplanError if there is none:
    a directory that is not mounted must not pass for a desk without lines.
    """
    dialplans: dict[str, Dialplan] = {}
    problems: list[Problem] = []
    shared = shared_in(directory, directory.name)
    for path in _files(directory):
        file = f"{directory.name}/{path.name}"
        try:
            dialplans[file] = load_text(file, file_text(path, file), step_types, shared)
        except BadDialplan as error:
            problems += error.problems
    for key in shared.names:
        problems += _shared_problems(shared, shared.file(key), step_types)
    # What is wrong with a shared file is wrong for all who use it, and said once.
    return linked(dialplans), list(dict.fromkeys(problems))


def linked(dialplans: Mapping[str, Dialplan]) -> dict[str, Dialplan]:
    """The same, which know each other."""
    beside = Beside(dialplans.values())
    together = {file: replace(dialplan, beside=beside) for file, dialplan in dialplans.items()}
    beside.by_key = {dialplan.key: dialplan for dialplan in together.values()}
    return together


def load_beside(path: Path, step_types: Mapping[str, type[Step]], name: str | None = None) -> Dialplan:
    """As `load`, and it knows the sound dialplans of its directory."""
    dialplan = load(path, step_types, name)
    others, _ = load_all(path.parent, step_types)
    found = {file: other for file, other in others.items() if other.key != dialplan.key}
    return linked({**found, dialplan.files[0]: dialplan})[dialplan.files[0]]


def _files(directory: Path) -> list[Path]:
    """Raises DialplanError if there is none."""
    try:
        found = [path for path in _yaml_files(directory) if path.name != READINGS]
    except OSError as error:
        raise DialplanError(f"the dialplans in {directory} cannot be read: {error.strerror}") from None
    if not found:
        raise DialplanError(f"there is no dialplan in {directory}; put at least one .yaml file there")
    return found


def _yaml_files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.suffix == ".yaml" and path.name[0] != ".")


def shared_in(directory: Path, heading: str) -> Shared:
    """The shared files beside the dialplans of `directory`, which is headed as `heading`."""
    folder = directory / FOLDER
    try:
        keys = [path.stem for path in _yaml_files(folder)]
    except OSError:
        keys = []  # whoever names one hears that it is not there
    named = str(Path(heading) / FOLDER)
    return Shared(named, keys, lambda key: file_text(folder / f"{key}.yaml", f"{named}/{key}.yaml"))


def load(path: Path, step_types: Mapping[str, type[Step]], name: str | None = None) -> Dialplan:
    """Raises BadDialplan, whatever the file holds and also if it cannot be read.

    `name` heads the problems; without it, the path does.
    """
    name = name or str(path)
    shared = shared_in(path.parent, str(Path(name).parent))
    return load_text(name, file_text(path, name), step_types, shared)


def file_text(path: Path, name: str) -> str:
    """BadDialplan, headed by `name`, if the file cannot be read or is no UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise _refused(name, f"the file cannot be read: {error.strerror}") from None
    if len(data) > LARGEST:
        raise _refused(name, f"the file is larger than {LARGEST} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        # The column counts characters, and what comes before the first wrong byte is sound.
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "ignore")) + 1
        message = f"this is not UTF-8{_other_encoding(data)}; save the file as UTF-8"
        raise BadDialplan([Problem(name, line, column, "", message)]) from None


def load_text(
    name: str, text: str, step_types: Mapping[str, type[Step]], shared: Shared | None = None
) -> Dialplan:
    """`name` is what problems are headed with; its stem is the dialplan's key. Raises BadDialplan.

    `shared`: the files that it may use; None: `text` is a version of the store and brings them along.
    """
    key = Path(name).stem
    if not _KEY.fullmatch(key):
        raise _refused(name, f'"{key}" is no name for a dialplan; use small letters, digits, "-" and "_"')
    if shared is None:
        files = split_source(text)
        text, shared = files[""], Shared.stored(str(Path(name).parent / FOLDER), files)
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST:
        raise _refused(name, f"the file is larger than {LARGEST} bytes")
    own = read(name, text)
    if own.tree is None and not own.problems:
        raise _refused(name, "the file is empty")
    used, problems = shared.used_by(own)
    _stop_on_errors(
        [*own.problems, *marked(name, text), *problems, *_unusable(own, shared, used, step_types)]
    )
    source, problems = merge(own, used)
    filled, wrong = fill_in(source, source)
    shape, steps, misshapen = read_shape(filled, step_types, Shape)
    _stop_on_errors([*source.problems, *problems, *wrong, *misshapen])
    assert shape is not None  # there would have been problems
    steps = _come_to(source, shape, steps)
    _stop_on_errors([*source.problems, *_references(source, shape, steps)])
    whole = join_source(text, used)
    return Dialplan(
        key=key,
        hash=hashlib.sha256(whole.encode()).hexdigest(),
        source=whole,
        files=(name, *(file.source.file for file in used)),
        line=shape.line,
        hours=_hours_of(source, shape, steps),
        groups=shape.groups,
        start=shape.start,
        steps=steps,
    )


def _unusable(
    own: Source, shared: Shared, used: Sequence[SharedFile], step_types: Mapping[str, type[Step]]
) -> list[Problem]:
    """What is wrong inside the shared files, and at `use` that they are; then what is wrong in the own one."""
    problems: list[Problem] = []
    for file in used:
        wrong = _shared_problems(shared, file, step_types)
        if any(problem.severity == "error" for problem in wrong):
            problems += [
                *wrong,
                own.problem(_use_of(own, file.source.file), f"{file.source.file} has errors"),
            ]
    if problems and isinstance(own.tree, dict) and "steps" in own.tree:
        problems += read_shape(own, step_types, Shape)[2]
    return problems


def _use_of(own: Source, shared_file: str) -> YamlPath:
    """Where `own` names that file; the whole of `use` if another shared file does."""
    keys = uses(own.tree)
    key = Path(shared_file).stem
    return ("use", keys.index(key)) if key in keys else ("use",)


def _shared_problems(shared: Shared, file: SharedFile, step_types: Mapping[str, type[Step]]) -> list[Problem]:
    """Of a shared file by itself; what its steps lead to and say is asked with each dialplan that uses it."""
    found = shared.checked.get(file.key)
    if found is None:
        used, problems = shared.used_by(file.source)
        problems = [*file.source.problems, *problems]
        if not _KEY.fullmatch(file.key):
            message = f'"{file.key}" is no name for a shared file; use small letters, digits, "-" and "_"'
            problems.append(Problem(file.source.file, 1, 1, "", message))
        if file.source.tree is not None:
            filled, wrong = fill_in(file.source, merge(file.source, used)[0])
            problems += [*wrong, *read_shape(filled, step_types, SharedShape)[2]]
        found = shared.checked[file.key] = problems
    return found


def _come_to(source: Source, shape: Shape, steps: Mapping[str, Step]) -> dict[str, Step]:
    """All own steps, and those of shared files that they lead to."""
    waiting = [shape.start, *(name for name in steps if ("steps", name) not in source.shared)]
    if shape.line.visit:
        waiting.append(shape.line.visit.otherwise)
    reached = set(waiting)
    for name in waiting:
        following = steps[name].exits().values() if name in steps else ()
        waiting += [target for target in dict.fromkeys(following) if target not in reached]
        reached.update(following)
    return {name: step for name, step in steps.items() if name in reached}


def _hours_of(source: Source, shape: Shape, steps: Mapping[str, Step]) -> dict[str, HoursModel]:
    """All own hours, and those of shared files that a step names."""
    used = {name for step in steps.values() for name in step.hours_used().values()}
    used |= {name for rule in shape.line.notify for name in rule.during}
    used |= set(shape.line.callbacks.hours_used().values())
    used |= set(shape.line.form.hours_used().values()) if shape.line.form else set()
    return {
        name: hours
        for name, hours in shape.hours.items()
        if name in used or ("hours", name) not in source.shared
    }


def _references(source: Source, shape: Shape, steps: Mapping[str, Step]) -> list[Problem]:
    problems = []
    digits = [digits for step in steps.values() if (digits := step.collects())]
    if shape.start not in steps:
        message = f'there is no step "{shape.start}"{did_you_mean(shape.start, steps)}'
        problems.append(source.problem(("start",), message))
    if (visit := shape.line.visit) and visit.otherwise not in steps:
        message = f'there is no step "{visit.otherwise}"{did_you_mean(visit.otherwise, steps)}'
        problems.append(source.problem(("line", "visit", "otherwise"), message))
    for place, rule in enumerate(shape.line.notify):
        for hours in rule.during:
            if hours not in shape.hours:
                why = f'there are no hours "{hours}"{did_you_mean(hours, shape.hours)}'
                problems.append(source.problem(("line", "notify", place, "during", hours), why, at="key"))
    for field, why in _unknown(shape.line.callbacks.hours_used(), shape.hours, "there are no hours"):
        problems.append(source.problem(("line", "callbacks", *field.split(".")), why))
    named = shape.line.form.hours_used() if shape.line.form else {}
    for field, why in _unknown(named, shape.hours, "there are no hours"):
        problems.append(source.problem(("line", "form", *field.split(".")), why))
    for name, step in steps.items():
        wrong = [
            *_unknown(step.exits(), steps, "there is no step"),
            *_unknown(step.hours_used(), shape.hours, "there are no hours"),
            *_unknown(step.digits_used(), digits, "no step collects"),
            *(_unknown(step.groups_used(), shape.groups, "there is no group") if shape.groups else ()),
        ]
        problems += [_asked_of(source, field_problem(source, name, field, why)) for field, why in wrong]
        for prompt, path in prompts_of(source, name).items():
            if prompt not in shape.prompts:
                why = f'there is no prompt "{prompt}"{did_you_mean(prompt, shape.prompts)}'
                problems.append(_asked_of(source, source.problem(path, why)))
    return problems


def _unknown(named: Mapping[str, str], known: Collection[str], why: str) -> Iterator[tuple[str, str]]:
    """(field, message) of each name that is not known."""
    for field, name in named.items():
        if name not in known:
            yield field, f'{why} "{name}"{did_you_mean(name, known)}'


def _asked_of(source: Source, problem: Problem) -> Problem:
    """What a shared step lacks must come from the dialplan that uses it: said there."""
    if problem.file == source.file:
        return problem
    place = f"{problem.file}:{problem.line}:{problem.column}: {problem.where}: {problem.message}"
    return source.problem(_use_of(source, problem.file), f"it needs what is not here: {place}")


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
        raise BadDialplan(list(dict.fromkeys(problems)))


def _refused(name: str, message: str) -> BadDialplan:
    return BadDialplan([Problem(name, 1, 1, "", message)])


def _other_encoding(data: bytes) -> str:
    try:
        data.decode("cp932")
    except UnicodeDecodeError:
        return ""
    return " but Shift_JIS" if data.strip(b"\0") else ""
