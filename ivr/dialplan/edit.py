"""Entries put into one mapping of a file, so that every other character stays as its author wrote it.

PyYAML tells where things stand; it does not write: it would lose comments, quotes and layout.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

import yaml

from ivr.dialplan.problems import BadDialplan
from ivr.dialplan.source import read
from ivr.errors import DialplanError

LONGEST_LINE = 100  # characters; a mapping in braces that would be longer is written line by line

# Letters and what Japanese titles have, which YAML takes for nothing else.
_PLAIN = re.compile(r"[^\W\d_](?:[\w・ー 　]*[\w・ー])?")

Node = Any  # PyYAML's own, whose marks its stubs call optional
Change = tuple[int, int, str]  # from, to, what stands there instead


def put(file: str, text: str, path: tuple[str, ...], entries: Mapping[str, str]) -> str:
    """The text with these entries in the mapping at `path`, new ones after those that are there.

    The mapping itself may be missing, what it stands in may not. BadDialplan if the text is no
    sound YAML, DialplanError if it is laid out so that no entry can be put in.
    """
    source = read(file, text)
    problems = [problem for problem in source.problems if problem.severity == "error"]
    if problems:
        raise BadDialplan(problems)
    if not entries:
        return text
    wanted: Any = deepcopy(source.tree)
    inside = wanted
    for name in path[:-1]:
        inside = inside[name]
    inside[path[-1]] = {**inside.get(path[-1], {}), **entries}
    edited = text
    for begin, end, instead in sorted(_changes(text, path, entries), reverse=True):
        edited = edited[:begin] + instead + edited[end:]
    if read(file, edited).tree != wanted:
        lines = "\n".join(f"  {item}" for item in _items(entries))
        raise DialplanError(
            f"{file} is laid out so that nothing can be put in safely; write this under {path[-1]}:\n{lines}"
        )
    return edited


def _changes(text: str, path: tuple[str, ...], entries: Mapping[str, str]) -> Iterator[Change]:
    node: Node = yaml.compose(text, Loader=yaml.BaseLoader)
    column, in_braces = 0, False
    for name in path[:-1]:
        column, node, in_braces = _child(node, name, in_braces)
    if path[-1] not in {key.value for key, _ in node.value}:
        yield _new_mapping(text, node, path[-1], entries, in_braces)
        return
    column, node, in_braces = _child(node, path[-1], in_braces)
    there = {key.value: value for key, value in node.value}
    for key in entries.keys() & there.keys():
        if there[key].value != entries[key]:
            yield there[key].start_mark.index, _end(text, there[key]), scalar(entries[key])
    new = {key: value for key, value in entries.items() if key not in there}
    if new:
        yield _insertion(text, node, column, new, in_braces)


def _child(node: Node, name: str, in_braces: bool) -> tuple[int, Node, bool]:
    """The column of a key, its value, and whether the mapping it stands in has braces, or one around that."""
    for key, value in node.value:
        if key.value == name:
            return key.start_mark.column, value, in_braces or bool(node.flow_style)
    raise KeyError(name)


def _insertion(text: str, node: Node, column: int, new: Mapping[str, str], in_braces: bool) -> Change:
    """`column`: of the key whose value the mapping is."""
    if not node.flow_style:
        return _below(text, node, _items(new))
    line_begin = text.rfind("\n", 0, node.start_mark.index) + 1
    one_line = node.start_mark.line == node.end_mark.line
    if not node.value:
        last, comma = node.start_mark.index + 1, ""
    else:
        last, comma = _end(text, node.value[-1][1]), ", "
    inserted = comma + ", ".join(_items(new))
    line_end = _line_end(text, node.end_mark.index)
    if in_braces or (one_line and line_end - line_begin + len(inserted) <= LONGEST_LINE):
        return last, last, inserted
    if one_line:
        # Line by line; a comment behind the braces stays behind the key.
        old = [text[key.start_mark.index : _end(text, value)] for key, value in node.value]
        comment = text[node.end_mark.index : line_end].strip()
        begin = len(text[: node.start_mark.index].rstrip(" "))
        head = f"  {comment}" if comment else ""
        return begin, line_end, head + _lines(text, [*old, *_items(new)], column + 2)
    key = node.value[-1][0].start_mark if node.value else None
    if key and not text[key.index - key.column : key.index].strip():
        return last, last, "".join(f",{_newline(text)}{' ' * key.column}{item}" for item in _items(new))
    return last, last, inserted


def _new_mapping(text: str, parent: Node, name: str, entries: Mapping[str, str], in_braces: bool) -> Change:
    if parent.flow_style or in_braces:
        last = _end(text, parent.value[-1][1])
        return last, last, f", {name}: {{{', '.join(_items(entries))}}}"
    inner = [" " * 2 + item for item in _items(entries)]
    return _below(text, parent, [f"{name}:", *inner])


def _below(text: str, node: Node, items: list[str]) -> Change:
    """After the last line of a mapping without braces, and the comment on it."""
    column = node.value[0][0].start_mark.column
    end = _line_end(text, _end(text, node.value[-1][1]))
    return end, end, _lines(text, items, column)


def _lines(text: str, items: list[str], column: int) -> str:
    return "".join(f"{_newline(text)}{' ' * column}{item}" for item in items)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _line_end(text: str, index: int) -> int:
    end = text.find("\n", index)
    end = len(text) if end < 0 else end
    return end - 1 if text[:end].endswith("\r") else end


def _end(text: str, node: Node) -> int:
    """Where what was written for a node ends: PyYAML counts blank lines and comments below it to it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    end: int = node.end_mark.index
    return len(text[:end].rstrip()) if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">") else end


def _items(entries: Mapping[str, str]) -> list[str]:
    return [f"{scalar(key)}: {scalar(value)}" for key, value in entries.items()]


def scalar(value: str) -> str:
    """A text as YAML has it on one line, in quotes unless it is words alone."""
    return value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)


def take_out(file: str, text: str, path: tuple[str, ...], names: Iterable[str]) -> str:
    """The text without these entries of the mapping at `path`; one that would be empty goes, too.

    Names that are not there are ignored. BadDialplan and DialplanError as for `put`.
    """
    source = read(file, text)
    problems = [problem for problem in source.problems if problem.severity == "error"]
    if problems:
        raise BadDialplan(problems)
    wanted: Any = deepcopy(source.tree)
    parent: Any = wanted
    for name in path[:-1]:
        parent = parent[name]
    gone = [name for name in names if name in parent.get(path[-1], {})]
    if not gone:
        return text
    if len(gone) == len(parent[path[-1]]) and len(path) > 1:
        return take_out(file, text, path[:-1], [path[-1]])
    for name in gone:
        del parent[path[-1]][name]
    edited = text
    for name in gone:
        edited = _without(edited, path, name)
    if read(file, edited).tree != wanted:
        raise DialplanError(
            f"{file} is laid out so that nothing can be taken out safely; take out of {path[-1]}: {', '.join(gone)}"
        )
    return edited


def _without(text: str, path: tuple[str, ...], name: str) -> str:
    node: Node = yaml.compose(text, Loader=yaml.BaseLoader)
    for step in path:
        _, node, _ = _child(node, step, False)
    at = next(number for number, (key, _) in enumerate(node.value) if key.value == name)
    key, value = node.value[at]
    begin, end = key.start_mark.index, _end(text, value)
    if node.flow_style:
        if at + 1 < len(node.value):
            return text[:begin] + text[node.value[at + 1][0].start_mark.index :]
        return text[: _end(text, node.value[at - 1][1])] + text[end:]
    return text[: begin - key.start_mark.column] + text[_line_end(text, end) :].removeprefix(_newline(text))
