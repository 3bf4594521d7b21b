"""From the tree of texts to models, and from pydantic's errors to words that an admin can use."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails

from ivr.dialplan.model import GroupModel, LineModel, Step, StepName, Text, parse_key
from ivr.dialplan.part import Part
from ivr.dialplan.problems import Problem, did_you_mean
from ivr.dialplan.source import Source, YamlPath, shorten
from ivr.hours.model import HoursModel

MOST_STEPS = 1000
_PROMPT = re.compile(r"[a-z][a-z0-9_]{0,63}")


def _prompt_name(value: str) -> str:
    if not _PROMPT.fullmatch(value):
        raise ValueError(
            f'"{shorten(value)}" is no name for a prompt; use small letters, digits and "_", beginning with a letter'
        )
    return value


# What the files are called; that they are there is asked before the shape.
FileName = Annotated[str, Field(min_length=1, max_length=64)]
HoursName = Annotated[str, Field(min_length=1, max_length=64)]
PromptName = Annotated[
    str, AfterValidator(_prompt_name), Field(json_schema_extra={"pattern": f"^{_PROMPT.pattern}$"})
]
GroupName = Annotated[str, Field(min_length=1, max_length=64)]


class Shape(Part):
    """What one support line does: its numbers, its hours and its steps."""

    line: LineModel
    use: Annotated[tuple[FileName, ...], Field(max_length=50)] = ()
    hours: dict[HoursName, HoursModel] = Field(default={})
    groups: dict[GroupName, GroupModel] = Field(default={})
    prompts: dict[PromptName, Text] = Field(default={})
    start: StepName
    # Each of them is read by the model of its type.
    steps: Annotated[dict[StepName, dict[str, Any]], Field(min_length=1, max_length=MOST_STEPS)]


class SharedShape(Part):
    """What several dialplans use: hours, groups of agents, prompts and steps."""

    use: Annotated[tuple[FileName, ...], Field(max_length=50)] = ()
    hours: dict[HoursName, HoursModel] = Field(default={})
    groups: dict[GroupName, GroupModel] = Field(default={})
    prompts: dict[PromptName, Text] = Field(default={})
    steps: Annotated[dict[StepName, dict[str, Any]], Field(max_length=MOST_STEPS)] = Field(default={})


S = TypeVar("S", Shape, SharedShape)


def read_shape(
    source: Source, step_types: Mapping[str, type[Step]], model: type[S]
) -> tuple[S | None, dict[str, Step], list[Problem]]:
    """All problems at once; the models are whole only if there are none."""
    problems = [
        source.problem(path, "has no value; write one, or take the line out") for path in source.unfilled
    ]
    unfilled = set(source.unfilled)
    if not isinstance(source.tree, dict):
        needed = [name for name, field in model.model_fields.items() if field.is_required()]
        wants = f"it needs {_list(needed)}" if needed else f"it may have {_list(model.model_fields)}"
        problem = source.problem((), f"this is no dialplan: it has no keys; {wants}")
        return None, {}, [problem]
    shape = None
    try:
        shape = model.model_validate(source.tree)
    except ValidationError as error:
        problems += problems_of(source, (), model, error, unfilled)
    steps, wrong = _read_steps(source, step_types, unfilled)
    return shape, steps, problems + wrong


def _read_steps(
    source: Source, step_types: Mapping[str, type[Step]], unfilled: set[YamlPath]
) -> tuple[dict[str, Step], list[Problem]]:
    steps: dict[str, Step] = {}
    problems: list[Problem] = []
    bodies = source.tree.get("steps") if isinstance(source.tree, dict) else None
    for name, body in bodies.items() if isinstance(bodies, dict) else ():
        if not isinstance(body, dict):
            continue  # Shape has said so
        path: YamlPath = ("steps", name)
        kind = body.get("type")
        if kind is None:
            problems.append(
                source.problem(path, f'"type" is missing; it is one of {_list(step_types)}', at="key")
            )
        elif not isinstance(kind, str) or kind not in step_types:
            wrong = f'unknown type "{shorten(kind)}"' if isinstance(kind, str) else "the type must be a name"
            hint = did_you_mean(str(kind), step_types)
            place = source.at[(*path, "type")]
            problems.append(source.problem(path, wrong + hint, at=place, where=f'step "{name}"'))
        else:
            try:
                steps[name] = step_types[kind].model_validate(body)
            except ValidationError as error:
                problems += problems_of(source, path, step_types[kind], error, unfilled)
            else:
                problems += _same_keys(source, path)
    return steps, problems


def _same_keys(source: Source, path: YamlPath) -> list[Problem]:
    """`star` and `"*"` in one menu: the model would let one of them win."""
    problems = []
    inside = (*path, "keys")
    first: dict[str, str] = {}
    for key in source.keys(inside):
        before = first.setdefault(meant_key(key), key)
        if before != key:
            message = f'"{before}" and "{key}" are the same key'
            problems.append(source.problem(inside, message, at=source.key_at[(*inside, key)]))
    return problems


def meant_key(written: str) -> str:
    """ "star" -> "*"; what is no telephone key stays as it is."""
    try:
        return str(parse_key(written))
    except ValueError:
        return written


def problems_of(
    source: Source, prefix: YamlPath, model: type[BaseModel], error: ValidationError, unfilled: set[YamlPath]
) -> list[Problem]:
    """What pydantic says of `model` at `prefix`, in words for an admin; not of what is unfilled: that has been said."""
    found = (_problem(source, prefix, model, details) for details in error.errors(include_url=False))
    return [problem for path, problem in found if path not in unfilled]


def _problem(
    source: Source, prefix: YamlPath, model: type[BaseModel], details: ErrorDetails
) -> tuple[YamlPath, Problem]:
    """The path it is about, and the problem."""
    loc = details["loc"]
    kind = details["type"]
    if kind in ("missing", "extra_forbidden"):
        inside, name = (*prefix, *loc[:-1]), str(loc[-1])
        if kind == "missing":
            return (*inside, name), source.problem(inside, f'"{name}" is missing', at="key")
        known = _fields(model, loc[:-1])
        message = f'unknown key "{shorten(name)}"{did_you_mean(name, known)}'
        return (*inside, name), source.problem(inside, message, at=source.key_at[(*inside, name)])
    if loc and loc[-1] == "[key]":
        inside = (*prefix, *loc[:-2])
        return inside, source.problem(inside, _words(details), at=source.key_at[(*prefix, *loc[:-1])])
    path = (*prefix, *loc)
    return path, source.problem(path, _words(details))


def _fields(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that the model allows at `loc`."""
    for name in loc:
        if name in model.model_fields:
            inner = _model_in(model.model_fields[str(name)].annotation)
            model = inner or model
    return list(model.model_fields)


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _words(details: ErrorDetails) -> str:
    given = details["input"]
    if isinstance(given, dict | list) and details["type"] == "value_error" and str(given) in details["msg"]:
        return _NOT_A_TEXT  # a converter of texts was given something else
    said = _WORDS.get(details["type"])
    if said is None:
        return f'"{shorten(str(given))}" does not fit here'
    return said(shorten(str(given)), details.get("ctx", {}))


def _literal(given: str, context: Mapping[str, Any]) -> str:
    known = re.findall(r"'([^']*)'", context["expected"])
    return f'"{given}" is not known{did_you_mean(given, known)}'


def _too_long(_: str, context: Mapping[str, Any]) -> str:
    return f"the text is too long; at most {context['max_length']} characters"


def _list(names: Any) -> str:
    return ", ".join(names)


_NOT_A_TEXT = 'a text belongs here; one that begins with "{" or "[" must stand in quotes'
_NOT_KEYS = "keys with values belong here"

_WORDS: Mapping[str, Callable[[str, Mapping[str, Any]], str]] = {
    "value_error": lambda _, context: str(context["error"]),
    "literal_error": _literal,
    "string_type": lambda *_: _NOT_A_TEXT,
    "string_too_short": lambda *_: "the text is empty",
    "string_too_long": _too_long,
    "string_pattern_mismatch": lambda given, _: (
        f'"{given}" is no name for a step; use small letters, digits and "_", beginning with a letter'
    ),
    "int_type": lambda *_: "a whole number belongs here",
    "int_parsing": lambda given, _: f'"{given}" is no whole number',
    "int_parsing_size": lambda *_: "the number is too large",
    "greater_than_equal": lambda given, context: f"{given} is too small; at least {context['ge']}",
    "less_than_equal": lambda given, context: f"{given} is too large; at most {context['le']}",
    "bool_type": lambda *_: 'write "true" or "false"',
    "bool_parsing": lambda given, _: f'"{given}" is neither "true" nor "false"',
    "dict_type": lambda *_: _NOT_KEYS,
    "model_type": lambda *_: _NOT_KEYS,
    "model_attributes_type": lambda *_: _NOT_KEYS,
    "tuple_type": lambda *_: "a list belongs here; write it in [ ]",
    "list_type": lambda *_: "a list belongs here; write it in [ ]",
    "too_long": lambda _, context: f"too many; at most {context['max_length']}",
    "too_short": lambda *_: "at least one entry is needed",
}
