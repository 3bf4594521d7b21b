"""Named texts: `{prompts.thanks}` in any text of a step stands for what is written under `prompts`."""

import re
from collections.abc import Mapping
from dataclasses import replace

from ivr.dialplan.problems import Problem
from ivr.dialplan.source import Source, Tree, YamlPath

VALUE = re.compile(r"\{prompts\.([^{}]*)\}")


def fill_in(source: Source, whole: Source) -> tuple[Source, list[Problem]]:
    """`source` with each prompt of `whole` written out in its steps; what is wrong with its own prompts.

    A prompt that is unknown stays in braces: who uses a shared file may have it.
    """
    if not isinstance(source.tree, dict):
        return source, []
    problems = [
        source.problem(("prompts", name), "a prompt cannot hold another one; write its text out")
        for name, text in _prompts(source).items()
        if VALUE.search(text)
    ]
    texts = _prompts(whole)
    if not texts or "steps" not in source.tree:
        return source, problems
    return replace(source, tree={**source.tree, "steps": _filled(source.tree["steps"], texts)}), problems


def _prompts(source: Source) -> dict[str, str]:
    prompts = source.tree.get("prompts") if isinstance(source.tree, dict) else None
    if not isinstance(prompts, dict):
        return {}
    return {name: text for name, text in prompts.items() if isinstance(text, str)}


def _filled(node: Tree, texts: Mapping[str, str]) -> Tree:
    match node:
        case str():
            return VALUE.sub(lambda found: texts.get(found[1], found[0]), node)
        case list():
            return [_filled(item, texts) for item in node]
    return {key: _filled(value, texts) for key, value in node.items()}


def prompts_of(source: Source, step: str) -> dict[str, YamlPath]:
    """Every prompt that `step` says -> a place where it does; `source` as it was written."""
    found: dict[str, YamlPath] = {}
    steps = source.tree.get("steps") if isinstance(source.tree, dict) else None
    waiting: list[tuple[YamlPath, Tree]] = (
        [(("steps", step), steps.get(step, ""))] if isinstance(steps, dict) else []
    )
    for path, node in waiting:
        match node:
            case str():
                for name in VALUE.findall(node):
                    found.setdefault(name, path)
            case list():
                waiting += [((*path, index), item) for index, item in enumerate(node)]
            case dict():
                waiting += [((*path, key), value) for key, value in node.items()]
    return found
