"""What must be true of a dialplan beyond its shape, before a caller may meet it."""

import re
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import permutations

from ivr.dialplan import graph, patience
from ivr.dialplan.across import Beside
from ivr.dialplan.load import field_problem, linked
from ivr.dialplan.model import CallbackModel, Dialplan
from ivr.dialplan.numbers import e164
from ivr.dialplan.problems import Problem, did_you_mean
from ivr.dialplan.shared import read_whole
from ivr.dialplan.source import Source
from ivr.dialplan.texts import (
    BY_THE_CLOCK,
    IN_A_QUEUE,
    VALUES,
    collected,
    parts,
    sayings,
    stray_brace,
    values,
)
from ivr.hours import checks
from ivr.hours.check import doubts
from ivr.hours.text import read_exception
from ivr.keys import AFTER_A_KEY
from ivr.outside import NOWHERE, Outside

Speakable = Callable[[str], str | None]
"""Why a text cannot be spoken; None if it can."""


def check(file: str, dialplan: Dialplan, today: date, speakable: Speakable | None = None) -> list[Problem]:
    """Errors and warnings, in the order of the file that problems are headed with."""
    source = read_whole(file, dialplan.source)
    warnings = [problem for problem in source.problems if problem.severity == "warning"]
    problems = [
        *warnings,
        *_numbers(source, dialplan),
        *_calendars(source, dialplan, today),
        *_ways(source, dialplan),
        *_gotos(source, dialplan),
        *_closings(source, dialplan),
        *_heard_lines(source, dialplan),
        *_keys(source, dialplan),
        *_patience(source, dialplan),
        *_texts(source, dialplan, speakable),
        *_reasons(source, dialplan, speakable),
        *_callbacks(source, dialplan),
        *_form(source, dialplan),
        *_collected(source, dialplan),
    ]
    return sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column))


def check_all(
    dialplans: Mapping[str, Dialplan],
    today: date,
    speakable: Speakable | None = None,
    outside: Outside = NOWHERE,
) -> list[Problem]:
    """As `check`, for dialplans by file; also that no number belongs to two lines, and that callers are put
    through only to telephones that `outside` allows."""
    if all(dialplan.beside is None for dialplan in dialplans.values()):
        dialplans = linked(dialplans)
    numbers = {file: line_numbers(dialplan) for file, dialplan in dialplans.items()}
    found: dict[str, list[Problem]] = {}
    for file, dialplan in dialplans.items():
        others = {
            number: other.key
            for other_file, other in dialplans.items()
            if other_file != file
            for number in numbers[other_file]
        }
        problems = check(file, dialplan, today, speakable) + taken_numbers(file, dialplan, others)
        found[file] = problems + transfers(file, dialplan, outside)
    return list(dict.fromkeys(_shared_once(dialplans, found)))


def _shared_once(
    dialplans: Mapping[str, Dialplan], found: Mapping[str, Sequence[Problem]]
) -> Iterator[Problem]:
    """A problem of a shared file that not all its users have says whose it is."""
    users = Counter(file for dialplan in dialplans.values() for file in dialplan.files)
    times = Counter(problem for problems in found.values() for problem in dict.fromkeys(problems))
    for file, problems in found.items():
        for problem in problems:
            if problem.file != file and times[problem] < users[problem.file]:
                yield replace(problem, message=f"{problem.message} (used by {file})")
            else:
                yield problem


def line_numbers(dialplan: Dialplan) -> dict[str, str]:
    """E.164 -> as it is written, of those that are telephone numbers."""
    numbers = {}
    for text in dialplan.line.numbers:
        try:
            numbers[e164(text)] = text
        except ValueError:
            continue  # `check` names it
    return numbers


def taken_numbers(file: str, dialplan: Dialplan, others: Mapping[str, str]) -> list[Problem]:
    """`others`: E.164 -> key of another line that it belongs to."""
    source = read_whole(file, dialplan.source)
    return [
        source.problem(
            ("line", "numbers", dialplan.line.numbers.index(written)),
            f'"{written}" belongs to the line "{others[number]}" too; a number leads to one line',
        )
        for number, written in line_numbers(dialplan).items()
        if number in others
    ]


def transfers(file: str, dialplan: Dialplan, outside: Outside) -> list[Problem]:
    """Telephones outside that the dialplan leads to and that are not dialled."""
    source = read_whole(file, dialplan.source)
    return [
        field_problem(source, name, field, refusal)
        for name, step in dialplan.steps.items()
        for field, number in step.transfers_to().items()
        if (refusal := outside.refusal(number))
    ]


def text_problem(file: str, dialplan: Dialplan, part: str, message: str) -> Problem:
    """A problem of one part of a text, where the text stands; of the hours, if it is a closed greeting."""
    source = read_whole(file, dialplan.source)
    for step, field, text in sayings(dialplan):
        if part in parts(text, line=dialplan.line):
            return field_problem(source, step, field, message)
    for field, text in dialplan.line.says().items():
        if part in parts(text, line=dialplan.line):
            return source.problem(("line", *field.split(".")), message)
    return source.problem(("hours",), message, at="key")


def _numbers(source: Source, dialplan: Dialplan) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for index, text in enumerate(dialplan.line.numbers):
        path = ("line", "numbers", index)
        try:
            number = e164(text)
        except ValueError as error:
            yield source.problem(path, str(error))
            continue
        if number in seen:
            yield source.problem(path, f'"{text}" is the same number as "{seen[number]}"')
        seen[number] = text


def _calendars(source: Source, dialplan: Dialplan, today: date) -> Iterator[Problem]:
    used = {name for step in dialplan.steps.values() for name in step.hours_used().values()}
    for name, model in dialplan.hours.items():
        for message in checks(model, today):
            yield source.problem(("hours", name), message, at="key")
        for path, message in doubts(model, today):
            yield source.problem(("hours", name, *path), message, at="key", severity="warning")
        if name not in used:
            message = "no step uses these hours"
            yield source.problem(("hours", name), message, at="key", severity="warning")


def _ways(source: Source, dialplan: Dialplan) -> Iterator[Problem]:
    steps, start = dialplan.steps, dialplan.start
    beside = dialplan.beside or Beside([dialplan])
    starts = [start, *([visit.otherwise] if (visit := dialplan.line.visit) else []), *beside.starts(dialplan)]
    for name in graph.unreachable(steps, *starts):
        message = "no way leads here from the start; lead one here or take the step out"
        yield source.problem(("steps", name), message, at="key")
    for name in beside.never_served(dialplan, starts):
        message = "from here no way leads to a person, a message or a goodbye"
        yield source.problem(("steps", name), message, at="key")
    for name, way in graph.cut_off(steps):
        target = steps[name].exits()[way]
        message = f'leads to "{target}", which hangs up: the caller hears no goodbye; say one in a play step'
        yield field_problem(source, name, way, message)
    if steps[start].is_last and not steps[start].says():
        yield source.problem(("start",), "the caller is hung up on without a word")
    for circle in [*graph.circles(steps), *beside.circles(dialplan)]:
        way_round = " -> ".join([*circle, circle[0]])
        message = f"the call goes round without the caller's doing: {way_round}"
        yield source.problem(("steps", circle[0].removeprefix(f"{dialplan.key}:")), message, at="key")


def _gotos(source: Source, dialplan: Dialplan) -> Iterator[Problem]:
    if dialplan.beside is None:
        return
    others = {key: other for key, other in dialplan.beside.by_key.items() if key != dialplan.key}
    for name, step in dialplan.steps.items():
        where = step.leads_out()
        if where is None:
            continue
        there = others.get(where.line)
        if where.line == dialplan.key:
            yield field_problem(
                source, name, "line", "this is the line itself; name the step where you come from"
            )
        elif there is None:
            message = f'there is no line "{where.line}" without errors{did_you_mean(where.line, others)}'
            yield field_problem(source, name, "line", message)
        elif there.line.tenant != dialplan.line.tenant:
            message = f'the line "{where.line}" is of another tenant, "{there.line.tenant}"'
            yield field_problem(source, name, "line", message)
        elif where.step is not None and where.step not in there.steps:
            message = (
                f'the line "{where.line}" has no step "{where.step}"{did_you_mean(where.step, there.steps)}'
            )
            yield field_problem(source, name, "step", message)


def _closings(source: Source, dialplan: Dialplan) -> Iterator[Problem]:
    others = dialplan.beside.by_key if dialplan.beside else {}
    for name, step in dialplan.steps.items():
        key = step.closes()
        if key is None or (key and dialplan.beside is None):
            continue
        there = others.get(key) if key else dialplan
        if there is None:
            message = f'there is no line "{key}" without errors{did_you_mean(key, others)}'
            yield field_problem(source, name, "line", message)
        elif there.line.tenant != dialplan.line.tenant:
            message = f'the line "{key}" is of another tenant, "{there.line.tenant}"'
            yield field_problem(source, name, "line", message)
        elif not any(each.type == "hours" for each in there.steps.values()):
            message = "the line that it closes has no step of type hours, so nothing would be closed"
            yield source.problem(("steps", name), message, at="key")


def _heard_lines(source: Source, dialplan: Dialplan) -> Iterator[Problem]:
    if dialplan.beside is None:
        return
    others = dialplan.beside.by_key
    for name, step in dialplan.steps.items():
        first: dict[str, str] = {}
        for field, key in step.hears_lines().items():
            there = others.get(key)
            if there is None:
                message = f'there is no line "{key}" without errors{did_you_mean(key, others)}'
                yield field_problem(source, name, field, message)
            elif there.line.tenant != dialplan.line.tenant:
                message = f'the line "{key}" is of another tenant, "{there.line.tenant}"'
                yield field_problem(source, name, field, message)
            if first.setdefault(key, field) != field:
                yield field_problem(source, name, field, f'"{key}" stands here twice')


def _keys(source: Source, dialplan: Dialplan) -> Iterator[Problem]:
    for name, step in dialplan.steps.items():
        keys = [field.removeprefix("keys.") for field in step.exits() if field.startswith("keys.")]
        for short, long in permutations(keys, 2):
            if long.startswith(short):
                message = f'"{long}" begins with it, so whoever presses "{short}" waits {AFTER_A_KEY:g} s'
                problem = field_problem(source, name, f"keys.{short}", message, severity="warning")
                yield problem


def _patience(source: Source, dialplan: Dialplan) -> Iterator[Problem]:
    """How long a caller listens to menus, each heard once, before something happens."""
    own, longest = patience.lengths(dialplan.steps), f"{patience.LONGEST_MENUS:.0f} s"
    beside = dialplan.beside
    alone = graph.heard_in_a_row(dialplan.steps, own) if beside is None else {}
    for name in own:
        seconds = beside.menus_heard[f"{dialplan.key}:{name}"] if beside else alone[name]
        if seconds > patience.LONGEST_MENUS >= seconds - own[name]:
            message = (
                f"up to here a caller hears about {seconds:.0f} s of menus; more than {longest} are too long"
            )
            yield field_problem(source, name, "say", message)
    for name, step in dialplan.steps.items():
        if review := step.menu_at_its_end():
            seconds = patience.seconds(review) + patience.after(dialplan, step)
            if seconds > patience.LONGEST_MENUS:
                message = f"after the message a caller hears about {seconds:.0f} s of menus; more than {longest} are too long"
                yield source.problem(("steps", name, "review"), message, at="key")


def _texts(source: Source, dialplan: Dialplan, speakable: Speakable | None) -> Iterator[Problem]:
    steps, names = dialplan.steps, [*VALUES, *collected(dialplan)]
    makers = [name for name, step in steps.items() if step.makes_ticket]
    # Whoever comes from another line may bring one.
    entered = dialplan.beside.starts(dialplan) if dialplan.beside else []
    with_ticket = graph.reach(steps, [*makers, *entered])
    for step, field, text in sayings(dialplan):
        absent = set() if field in steps[step].says_in_queue() else set(IN_A_QUEUE)
        if step not in with_ticket:
            absent.add("ticket")
        for message in _wrong_in(text, dialplan, names, absent, speakable):
            yield field_problem(source, step, field, message)
    for field, text in dialplan.line.says().items():
        for message in _wrong_in(text, dialplan, names, {*IN_A_QUEUE, "ticket"}, speakable):
            yield source.problem(("line", *field.split(".")), message)


def _reasons(source: Source, dialplan: Dialplan, speakable: Speakable | None) -> Iterator[Problem]:
    """Callers hear why a day is closed."""
    for name, hours in dialplan.hours.items():
        said = {("closed", days): reason for days, reason in hours.closed.items()}
        said |= {("exceptions", day): read_exception(text)[1] or "" for day, text in hours.exceptions.items()}
        for path, reason in said.items():
            if speakable is not None and reason and (why := speakable(reason)):
                yield source.problem(("hours", name, *path), why)


def _wrong_in(
    text: str,
    dialplan: Dialplan,
    names: Sequence[str],
    absent: Container[str],
    speakable: Speakable | None,
) -> Iterator[str]:
    """`names`: of all values; `absent`: those that nobody knows where this is said."""
    for value in values(text):
        if value not in names:
            known = [f"{{{name}}}" for name in names]
            yield f'unknown value "{{{value}}}"{did_you_mean(f"{{{value}}}", known)}'
        elif value in absent:
            yield f'"{{{value}}}" is not known here; {_KNOWN[value]}'
    if stray_brace(text):
        yield 'a "{" or "}" without its other half'
    if wide := re.search("｛[^｛｝]*｝", text):
        yield f'"{wide[0]}" has wide braces and is read out as it stands; write a value as {{line}}'
    for value in BY_THE_CLOCK.keys() & values(text) if not dialplan.hours else ():
        yield f'"{{{value}}}" needs hours, and there are none'
    if speakable is not None:
        yield from filter(None, map(speakable, parts(text, line=dialplan.line)))


_KNOWN = {
    "position": 'say it in "say" or "waiting" of a queue step',
    "wait": 'say it in "say" or "waiting" of a queue step',
    "ticket": "only after a voicemail or callback step, and none leads here",
}


def _callbacks(source: Source, dialplan: Dialplan) -> Iterator[Problem]:
    """Business days and hours are counted by one calendar, which must be named if there are several."""
    if len(dialplan.hours) == 1:
        return
    for name, step in dialplan.steps.items():
        for field in type(step).model_fields:
            promise = getattr(step, field)
            if isinstance(promise, CallbackModel) and (message := _no_hours(dialplan, promise)):
                yield field_problem(source, name, field, message)
    for field, promise in dialplan.line.form.promises() if dialplan.line.form else ():
        if message := _no_hours(dialplan, promise):
            at = ("line", "form", field)
            yield source.problem(at if at in source.at else ("line", "form"), message)


def _no_hours(dialplan: Dialplan, promise: CallbackModel) -> str | None:
    rules = dialplan.line.callbacks
    if promise.hours or rules.hours:
        return None
    for due in [promise.due] if promise.due else rules.responses(promise.priority):
        if "business" in due:
            if not dialplan.hours:
                return f'"{due}" needs hours, and there are none'
            return f'"hours" is missing; which are meant: {", ".join(dialplan.hours)}?'
    return None


def _form(source: Source, dialplan: Dialplan) -> Iterator[Problem]:
    """What the form offers must be possible."""
    form, customers = dialplan.line.form, dialplan.line.customers
    if form is None:
        return
    if form.now is not None and not any(step.type == "queue" for step in dialplan.steps.values()):
        message = "nobody can be rung at once: the line has no queue, so it has no agents"
        yield source.problem(("line", "form", "now"), message)
    if form.by_mail is not None and form.email == "off":
        message = "who is answered by mail is asked for the address; write optional or required, or nothing"
        yield source.problem(("line", "form", "email"), message)
    if customers is not None and form.email == "off":
        message = "customers are told by mail, and the form asks nobody for an address"
        yield source.problem(("line", "form", "email"), message, severity="warning")
    if form.by_mail is not None and "business" in form.by_mail and not dialplan.hours:
        message = f'"{form.by_mail}" needs hours, and there are none'
        yield source.problem(("line", "form", "by_mail"), message)


def _collected(source: Source, dialplan: Dialplan) -> Iterator[Problem]:
    """Digits have a name of their own, and secret ones are said nowhere."""
    secret: dict[str, bool] = {}
    for name, step in dialplan.steps.items():
        digits = step.collects()
        if digits is None:
            continue
        if digits in VALUES:
            yield field_problem(source, name, "name", f'"{{{digits}}}" is a value already; take another name')
        if secret.setdefault(digits, step.secret_digits) != step.secret_digits:
            message = f'"{digits}" is secret in one step and not in another'
            yield field_problem(source, name, "name", message)
    for name, field, text in sayings(dialplan):
        for value in values(text):
            if secret.get(value):
                message = f'"{{{value}}}" is secret and may not be said'
                yield field_problem(source, name, field, message)
