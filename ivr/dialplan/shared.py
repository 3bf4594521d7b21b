"""Shared files (`shared/*.yaml` beside the dialplans): found, read once, joined with what uses them.

In the store a version is one text: the line's own file, then each shared file that it uses as a further
document behind a line that names it. `split_source` reads that back.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ivr.dialplan.graph import way_back
from ivr.dialplan.problems import BadDialplan, Problem, did_you_mean
from ivr.dialplan.source import Source, Tree, YamlPath, read

FOLDER = "shared"
SECTIONS = ("hours", "groups", "prompts", "steps")
MARK = re.compile(r"^--- # (shared/[^/\n]+\.yaml)\n", re.MULTILINE)


def split_source(source: str) -> dict[str, str]:
    """A stored version -> its files: "" is the line's own, the others are named like "shared/japan.yaml"."""
    pieces = MARK.split(source)
    return {"": pieces[0], **dict(zip(pieces[1::2], pieces[2::2], strict=True))}


def join_source(text: str, used: Sequence["SharedFile"]) -> str:
    """What `split_source` reads; a text that uses nothing stays as it is."""
    if not used:
        return text
    return _whole_lines(text) + "".join(
        f"--- # {FOLDER}/{file.key}.yaml\n{_whole_lines(file.text)}" for file in used
    )


def marked(file: str, text: str) -> list[Problem]:
    """A line of the author's that would be taken for one of ours."""
    found = MARK.search(text)
    if found is None:
        return []
    line = text.count("\n", 0, found.start()) + 1
    return [Problem(file, line, 1, "", f'take out this line: "{found[0].strip()}" marks a file in the store')]


def _whole_lines(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"


@dataclass(frozen=True)
class SharedFile:
    """`source.problems` also says why the file could not be read at all."""

    key: str
    text: str
    source: Source


class Shared:
    """The shared files that a dialplan may use, each read at its first use.

    `heading`: the folder as problems are headed, like "dialplans/shared". `text_of` may raise BadDialplan.
    """

    def __init__(self, heading: str, names: Collection[str], text_of: Callable[[str], str]) -> None:
        self.names = sorted(names)
        self._heading = heading
        self._text_of = text_of
        self._files: dict[str, SharedFile] = {}
        self.checked: dict[str, list[Problem]] = {}  # key -> what is wrong with it by itself

    @classmethod
    def stored(cls, heading: str, files: Mapping[str, str]) -> "Shared":
        """Those of a version in the store, as `split_source` gives them."""
        texts = {Path(file).stem: text for file, text in files.items() if file}
        return cls(heading, texts, texts.__getitem__)

    def heading(self, key: str) -> str:
        return f"{self._heading}/{key}.yaml"

    def file(self, key: str) -> SharedFile:
        found = self._files.get(key)
        if found is None:
            try:
                text = self._text_of(key)
                source = read(self.heading(key), text)
                source.problems += marked(source.file, text)
                if source.tree is None and not source.problems:
                    source.problems.append(Problem(source.file, 1, 1, "", "the file is empty"))
            except BadDialplan as bad:
                text, source = "", Source(self.heading(key), problems=list(bad.problems))
            found = self._files[key] = SharedFile(key, text, source)
        return found

    def used_by(self, source: Source) -> tuple[list[SharedFile], list[Problem]]:
        """All that `source` uses, also through others, the first named first; unknown files and circles."""
        problems: list[Problem] = []
        ways: dict[str, list[str]] = {}
        waiting = self._known(source, problems)
        for key in waiting:
            if key not in ways:
                ways[key] = self._known(self.file(key).source, problems)
                waiting += ways[key]
        problems += [self._circle(circle) for key in ways if (circle := way_back(ways, key))]
        return [self.file(key) for key in ways], list(dict.fromkeys(problems))

    def _known(self, source: Source, problems: list[Problem]) -> list[str]:
        known: list[str] = []
        for index, key in enumerate(uses(source.tree)):
            if key in self.names:
                known.append(key)
            else:
                message = f'there is no file "{self.heading(key)}"{did_you_mean(key, self.names)}'
                problems.append(source.problem(("use", index), message))
        return known

    def _circle(self, circle: list[str]) -> Problem:
        """Headed by the same of its files, whichever was looked at first."""
        first = circle.index(min(circle))
        ordered = [*circle[first:], *circle[:first]]
        source = self.file(ordered[0]).source
        following = ordered[1] if len(ordered) > 1 else ordered[0]
        message = f"these files use each other in a circle: {' -> '.join([*ordered, ordered[0]])}"
        return source.problem(("use", uses(source.tree).index(following)), message)


def uses(tree: Tree | None) -> list[str]:
    """What stands under `use`; whether it may stand there is asked by the shape."""
    named = tree.get("use") if isinstance(tree, dict) else None
    return [key for key in named if isinstance(key, str)] if isinstance(named, list) else []


def merge(own: Source, used: Sequence[SharedFile]) -> tuple[Source, list[Problem]]:
    """One source of `own` and all that it uses, and the names that are given twice.

    What is neither keys nor values is left to the shape of its own file.
    """
    if not used or not isinstance(own.tree, dict):
        return own, []
    whole = Source(own.file, dict(own.tree), [*own.problems], [*own.unfilled], {**own.at}, {**own.key_at})
    problems: list[Problem] = []
    for file in used:
        taken = _take(whole, file.source, problems)
        whole.at |= {path: at for path, at in file.source.at.items() if path[:2] in taken}
        whole.key_at |= {path: at for path, at in file.source.key_at.items() if path[:2] in taken}
        whole.unfilled += [path for path in file.source.unfilled if path[:2] in taken]
        whole.problems += file.source.problems
        whole.shared |= dict.fromkeys(taken, file.source.file)
    return whole, problems


@lru_cache(maxsize=8)
def read_whole(file: str, source: str) -> Source:
    """All files of a version that loads; to be read only. Asked for the same one by check after check."""
    files = split_source(source)
    own = read(file, files[""])
    return merge(own, Shared.stored(str(Path(file).parent / FOLDER), files).used_by(own)[0])[0]


def _take(whole: Source, source: Source, problems: list[Problem]) -> set[YamlPath]:
    """Puts what `source` shares into the tree of `whole`; the paths of the names it took."""
    assert isinstance(whole.tree, dict)
    taken: set[YamlPath] = set()
    for section in SECTIONS:
        theirs = source.tree.get(section) if isinstance(source.tree, dict) else None
        ours = whole.tree.get(section, {})
        if not isinstance(theirs, dict) or not isinstance(ours, dict):
            continue
        problems += [_given_twice(whole, source, (section, name)) for name in theirs if name in ours]
        new = {name: body for name, body in theirs.items() if name not in ours}
        whole.tree[section] = {**ours, **new}
        taken |= {(section, name) for name in new}
    return taken


def _given_twice(whole: Source, source: Source, path: YamlPath) -> Problem:
    """At the place in the dialplan's own file, for there a name can be changed; else where both are used."""
    line, column = source.key_at[path]
    there = f"{source.file}:{line}:{column}"
    other = whole.shared.get(path)
    if other is None:
        return whole.problem(path, f"is given twice; the other one stands in {there}", at="key")
    line, column = whole.key_at[path]
    message = f'"{path[1]}" is given twice under "{path[0]}": in {other}:{line}:{column} and in {there}'
    return whole.problem(("use",), message)
