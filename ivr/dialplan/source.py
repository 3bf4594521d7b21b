"""YAML as its author sees it: every scalar is text, and everything has a line and a column.

PyYAML's events are composed here and not by PyYAML, because its own composer recurses without
a limit, follows aliases, and lets a key that is given twice win silently.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from ivr.dialplan.problems import Problem, Severity

Tree = str | list["Tree"] | dict[str, "Tree"]
YamlPath = tuple[str | int, ...]
Position = tuple[int, int]
Mark = Any  # PyYAML's own, which its stubs call optional

MOST_NODES = 20_000
DEEPEST = 16
MOST_WARNINGS = 20

_TYPE_NAME = re.compile(r"[a-z][a-z_]{0,31}")
_COMMENT = re.compile(r"(?:^|(?<=[\s{\[,]))#", re.MULTILINE)
_LIKE_A_KEY = re.compile(r"#[0-9*:]")

# What PyYAML says -> what an admin can do about it.
_SYNTAX = {
    "cannot start any token": "a text that begins with this character must stand in quotes",
    "expected alphabetic or numeric": 'the key 米印 must stand in quotes: "*"',
    "mapping values are not allowed": 'a ":" here; put the text in quotes, or correct the indentation',
    "expected <block end>": "the indentation does not fit the lines above",
    "could not find expected ':'": 'a ":" is missing after the key, or the indentation does not fit',
    "expected ',' or '}'": 'a "," or "}" is missing; a telephone key such as "#1" must stand in quotes',
    "expected ',' or ']'": 'a "," or "]" is missing',
    "unexpected end of stream": "a quotation mark is opened here and never closed",
    "unknown escape character": r'a "\" in double quotes begins a special character; use single quotes',
}


@dataclass
class Source:
    """`tree` is None if the text is no YAML; then `problems` says why."""

    file: str
    tree: Tree | None = None
    problems: list[Problem] = field(default_factory=list)
    # `key:` and nothing behind it, which YAML reads as an empty text
    unfilled: list[YamlPath] = field(default_factory=list)
    at: dict[YamlPath, Position] = field(default_factory=dict)
    key_at: dict[YamlPath, Position] = field(default_factory=dict)
    # What other files share with this one: ("hours", "japan") -> the file where it stands.
    shared: dict[YamlPath, str] = field(default_factory=dict)

    def keys(self, path: YamlPath) -> list[str]:
        """The keys of the mapping at `path`, as they are written."""
        node = self.tree
        for name in path:
            if isinstance(node, dict):
                node = node.get(str(name))
            elif isinstance(node, list) and isinstance(name, int) and name < len(node):
                node = node[name]
            else:
                return []
        return list(node) if isinstance(node, dict) else []

    def problem(
        self,
        path: YamlPath,
        message: str,
        *,
        at: Literal["value", "key"] | Position = "value",
        severity: Severity = "error",
        where: str | None = None,
    ) -> Problem:
        """A problem of what stands at `path`, or of the nearest thing around it that was written."""
        line, column = (
            at if isinstance(at, tuple) else self._position(path, self.key_at if at == "key" else self.at)
        )
        owner, rest = self._owner(path)
        names = [shorten(name) for name in rest if isinstance(name, str)]
        prefix = f"{'.'.join(names)}: " if names else ""
        file = self.shared.get(path[:2], self.file)
        return Problem(file, line, column, owner if where is None else where, prefix + message, severity)

    def _position(self, path: YamlPath, places: dict[YamlPath, Position]) -> Position:
        for length in range(len(path), 0, -1):
            head = path[:length]
            position = places.get(head) or self.at.get(head)
            if position:
                return position
        return (1, 1)

    def _owner(self, path: YamlPath) -> tuple[str, YamlPath]:
        """The words for the step or hours that `path` lies in, and the rest of the path."""
        match path:
            case ("steps", str(name), *rest):
                return f'{self._type_of(name)} "{shorten(name)}"', tuple(rest)
            case ("hours", str(name), *rest):
                return f'hours "{shorten(name)}"', tuple(rest)
            case ("groups" | "prompts" | "trunks" as section, str(name), *rest):
                return f'{section[:-1]} "{shorten(name)}"', tuple(rest)
            case (str(name), *rest):
                return shorten(name), tuple(rest)
        return "", path

    def _type_of(self, step: str) -> str:
        match self.tree:
            case {"steps": {**steps}}:
                body = steps.get(step)
                kind = body.get("type") if isinstance(body, dict) else None
                if isinstance(kind, str) and _TYPE_NAME.fullmatch(kind):
                    return kind
        return "step"


class _Stop(Exception):
    """There is no sense in reading on."""

    def __init__(self, mark: Mark, message: str) -> None:
        self.position = _position(mark)
        self.message = message


def read(file: str, text: str) -> Source:
    """Never raises, whatever the text holds."""
    source = Source(file)
    composer = _Composer(source)
    try:
        # The loader checks for characters that YAML forbids as soon as it is made.
        source.tree = composer.document(yaml.parse(text, Loader=yaml.BaseLoader))
    except _Stop as stop:
        source.problems.append(Problem(file, *stop.position, "", stop.message))
    except yaml.MarkedYAMLError as error:
        source.problems.append(_syntax_problem(file, text, error))
    except yaml.reader.ReaderError as error:
        line, column = _place(text, error.position)
        source.problems.append(
            Problem(file, line, column, "", "a character that cannot stand in YAML; take it out")
        )
    except (ValueError, OverflowError):
        # PyYAML lets chr() fail on "\UFFFFFFFF".
        source.problems.append(Problem(file, 1, 1, "", r'a "\U" in double quotes names no character'))
    source.problems += _hidden_keys(file, text, composer.scalars)
    return source


class _Composer:
    def __init__(self, source: Source) -> None:
        self.scalars: list[tuple[int, int]] = []
        self._source = source
        self._count = 0
        self._twice: list[tuple[YamlPath, Position, str]] = []

    def document(self, events: Iterator[yaml.Event]) -> Tree | None:
        tree: Tree | None = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Stop(event.start_mark, 'a second document begins here; take the "---" out')
            elif isinstance(event, yaml.NodeEvent):
                tree = self._node(events, event, ())
        # Only now is it known which type of step each path belongs to.
        self._source.tree = tree
        for path, position, message in self._twice:
            self._source.problems.append(self._source.problem(path, message, at=position))
        return tree

    def _node(self, events: Iterator[yaml.Event], event: Any, path: YamlPath) -> Tree:
        mark = event.start_mark
        self._count += 1
        if self._count > MOST_NODES:
            raise _Stop(mark, f"more than {MOST_NODES} keys and values are too many for one dialplan")
        if len(path) >= DEEPEST:
            raise _Stop(mark, f"nested more than {DEEPEST} deep")
        self._source.at.setdefault(path, self._source.key_at.get(path, _position(mark)))
        if isinstance(event, yaml.AliasEvent):
            raise _Stop(mark, 'aliases ("*name") are not read here; write it out, or put "*" in quotes')
        if event.anchor is not None:
            raise _Stop(mark, 'anchors ("&name") are not read here; put the text in quotes')
        if event.tag is not None:
            raise _Stop(mark, 'tags ("!name") are not read here; put the text in quotes')
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Tree] = []
            while not isinstance(item := next(events), yaml.SequenceEndEvent):
                items.append(self._node(events, item, (*path, len(items))))
            return items
        return self._mapping(events, path)

    def _scalar(self, event: Any, path: YamlPath) -> str:
        self._source.at[path] = _position(event.start_mark)
        self._remember(event)
        value: str = event.value
        if not value and event.implicit[0]:
            self._source.at[path] = self._source.key_at.get(path, _position(event.start_mark))
            self._source.unfilled.append(path)
        self._printable(value, event.start_mark)
        return value

    def _mapping(self, events: Iterator[yaml.Event], path: YamlPath) -> dict[str, Tree]:
        mapping: dict[str, Tree] = {}
        key: Any
        while not isinstance(key := next(events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent) or key.tag is not None or key.anchor is not None:
                raise _Stop(key.start_mark, "a key must be plain text; put it in quotes")
            name: str = key.value
            self._printable(name, key.start_mark)
            self._remember(key)
            inside = (*path, name)
            here = _position(key.start_mark)
            first = self._source.key_at.setdefault(inside, here)
            if name in mapping:
                message = f'"{name}" is given twice; the first one is on line {first[0]}'
                self._twice.append((path, here, message))
            mapping[name] = self._node(events, next(events), inside)
        return mapping

    def _remember(self, scalar: Any) -> None:
        self.scalars.append((scalar.start_mark.index, scalar.end_mark.index))

    def _printable(self, value: str, mark: Mark) -> None:
        """Escapes such as "\\0" or half a surrogate pair reach neither the store nor a synthesiser."""
        for character in value:
            if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t":
                raise _Stop(mark, "a text with a control character; take it out")


def _position(mark: Mark) -> Position:
    return mark.line + 1, mark.column + 1


def _syntax_problem(file: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    said = error.problem or ""
    # A quotation mark that is never closed, and a lone "*", are noticed behind the place to mend.
    begun = error.context in ("while scanning a quoted scalar", "while scanning an alias")
    mark: Mark = error.context_mark if begun else error.problem_mark or error.context_mark
    line, column = _position(mark) if mark else (1, 1)
    before = text[: mark.index].rstrip() if mark else ""
    if r"'\t'" in said:
        message = "a tab; indent with spaces"
    elif "expected <block end>" in said and before.endswith("}"):
        message = 'a text that begins with "{" must stand in quotes'
    else:
        message = next((help for part, help in _SYNTAX.items() if part in said), f"this is no YAML: {said}")
    return Problem(file, line, column, "", message)


def _place(text: str, index: int) -> Position:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _hidden_keys(file: str, text: str, scalars: list[tuple[int, int]]) -> list[Problem]:
    """Comments that look as if a telephone key was meant: `#: back`, `#1: product`, `say: press #1`."""
    warnings: list[Problem] = []
    start = 0
    while len(warnings) < MOST_WARNINGS and (match := _COMMENT.search(text, start)):
        begin = match.start()
        before = bisect_right(scalars, (begin, len(text))) - 1
        if before >= 0 and begin < scalars[before][1]:
            start = scalars[before][1]
            continue
        end = text.find("\n", begin)
        start = end if end >= 0 else len(text)
        comment = text[begin:start]
        if _LIKE_A_KEY.match(comment):
            message = (
                f'"{shorten(comment)}" is a comment, for "#" begins one; a telephone key must stand in quotes'
            )
            warnings.append(Problem(file, *_place(text, begin), "", message, "warning"))
    return warnings


def shorten(text: str) -> str:
    """One line, at most 60 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"
