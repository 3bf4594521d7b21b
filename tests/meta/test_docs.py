"""The documentation is whole and true: what the code offers stands in it, and what stands in it is there."""

import argparse
import json
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from ivr.callbacks.said import EVENTS
from ivr.cli import parser
from ivr.dialplan.model import LineModel
from ivr.dialplan.reference import reference_text
from ivr.dialplan.schema import schema
from ivr.dialplan.shape import Shape
from ivr.hours.model import HoursModel
from ivr.settings import Settings
from ivr.steps import STEPS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SETTINGS = {f"IVR_{item.name.upper()}": item.metadata["default"] for item in fields(Settings)} | {
    "IVR_CONFIG": ""
}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@cache
def tracked() -> tuple[Path, ...]:
    """Files of this tree that git has, or would take."""
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    said = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return tuple(path for name in said.split("\0") if name and (path := ROOT / name).is_file())


def pages() -> list[Path]:
    found = [path for path in tracked() if path.suffix == ".md"]
    assert ROOT / "README.md" in found and len(found) > 15
    return found


def sections(page: Path) -> Mapping[str, str]:
    """Heading -> what stands below it, up to the next heading of any depth."""
    parts = re.split(r"^#+ (.+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> dict[str, str]:
    """First code span of the first column -> the whole row, of all tables in `text`."""
    return {
        found[1]: line for line in text.splitlines() if (found := re.match(r"\| .*?`([^`]+)`.*?\|", line))
    }


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


# -- what the code offers is documented -------------------------------------------------------


def test_every_setting_is_documented_with_its_default() -> None:
    table = rows(sections(DOCS / "operator" / "install.md")["Settings"])
    assert table.keys() == SETTINGS.keys() - {"IVR_CONFIG"}
    assert [name for name, row in table.items() if SETTINGS[name] and f"`{SETTINGS[name]}`" not in row] == []


MAKE = (
    '.venv/bin/python -c "from ivr.dialplan.reference import reference_text; from ivr.steps import STEPS; '
    "print(reference_text(STEPS), end='')\" > docs/admin/steps.md"
)


def test_the_reference_of_steps_is_fresh() -> None:
    page = (DOCS / "admin" / "steps.md").read_text("utf-8")
    assert page == reference_text(STEPS), f"docs/admin/steps.md is old; run: {MAKE}"


@pytest.mark.parametrize("type_", STEPS)
def test_every_field_of_a_step_says_what_it_is(type_: str) -> None:
    text = sections(DOCS / "admin" / "steps.md")[type_]
    assert rows(text).keys() >= STEPS[type_].model_fields.keys() - {"type"}
    assert [name for name, row in rows(text).items() if re.search(r"\|\s*\|$", row)] == [], (
        "a string below the field"
    )
    properties = schema(STEPS)["$defs"][f"step_{type_}"]["properties"]
    assert wrong_defaults(rows(text), properties) == []


@pytest.mark.parametrize(
    ("heading", "model"),
    [("The file", Shape), ("line", LineModel), ("hours", HoursModel)],
)
def test_every_other_key_of_a_dialplan_is_documented(heading: str, model: type[BaseModel]) -> None:
    text = sections(DOCS / "admin" / "dialplan.md")[heading]
    assert rows(text).keys() == model.model_fields.keys()
    definitions = schema(STEPS)["$defs"]
    if model.__name__ in definitions:
        assert wrong_defaults(rows(text), definitions[model.__name__]["properties"]) == []


def wrong_defaults(table: Mapping[str, str], properties: Mapping[str, Any]) -> list[str]:
    """Fields whose row does not show the default of the schema; of a mapping or a list, nothing is asked."""
    return [
        f"{name}: {default}"
        for name, about in properties.items()
        if isinstance(default := about.get("default"), str | int)
        and f"| `{json.dumps(default) if isinstance(default, bool) else default}` |" not in table[name]
    ]


def commands(parser: argparse.ArgumentParser, words: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in nested:
        for name, child in action.choices.items():
            yield from commands(child, f"{words} {name}")
    if not nested or parser.get_default("do"):
        yield words, parser


def test_every_command_and_option_is_documented() -> None:
    text = (DOCS / "operator" / "commands.md").read_text("utf-8")
    offered = dict(commands(parser(), "ivr"))
    listed = {name: row for name, row in rows(text).items() if name.startswith("ivr ")}
    assert listed.keys() == offered.keys()
    listed["ivr call"] += sections(DOCS / "operator" / "commands.md")["ivr call"]
    missing = [
        f"{name} {option}"
        for name, parser in offered.items()
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--") and option != "--help" and f"`{option}`" not in listed[name]
    ]
    assert missing == []


# -- what is documented is there --------------------------------------------------------------


def code_lines(page: Path) -> Iterator[str]:
    """Of code blocks, by indent or by fence."""
    fenced = False
    for line in page.read_text("utf-8").splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line.strip()


def called(line: str) -> Iterator[list[str]]:
    """The commands of a shell line that are ours, settings before them included."""
    for part in re.split(r"\$\(|[;&]", line):
        with_comment = part.rstrip().removesuffix(")")
        if not re.match(r"(IVR_\w+=\S+ |TOKEN=)*(script/|\.venv/bin/ivr )", with_comment.strip()):
            continue
        yield shlex.split(re.sub(r"> \S+", "", with_comment), comments=True)


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_of_a_page_exist(page: Path) -> None:
    for line in code_lines(page):
        for words in called(line):
            while "=" in words[0]:
                assert words.pop(0).partition("=")[0] in SETTINGS, line
            if words[0].startswith("script/"):
                script = ROOT / words[0]
                assert script.is_file() and script.stat().st_mode & 0o100, line
            else:
                try:
                    parser().parse_args(words[1:])
                except SystemExit:
                    pytest.fail(f"{page.name}: {line}")


def test_the_readme_shows_the_two_commands() -> None:
    found = [words for line in code_lines(ROOT / "README.md") for words in called(line)]
    assert ["script/server"] in found
    assert any(words[:2] == [".venv/bin/ivr", "call"] for words in found)
    assert len(found) > 8


def test_the_map_of_the_readme_is_that_of_the_tree() -> None:
    shown = set(re.findall(r"`((?:ivr/)?[a-z_]+(?:/|\.py))`", sections(ROOT / "README.md")["The tree"]))
    there: set[str] = set()
    for path in tracked():
        parts = path.relative_to(ROOT).parts
        if parts[0] == "ivr" and not parts[1].startswith(("_", "py.")):
            there.add("/".join(parts[:2]) + ("/" if len(parts) > 2 else ""))
        elif len(parts) > 1 and not parts[0].startswith(".") and parts[0] != "ivr":
            there.add(parts[0] + "/")
    assert shown - there <= {"recordings/"}, "not there"  # it is empty in git
    assert there - shown == set(), "not shown"


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text("utf-8")):
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        name, _, place = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        if place:
            assert place in {anchor(heading) for heading in sections(file)}, target


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        targets = [target.partition("#")[0] for target in LINK.findall(page.read_text("utf-8"))]
        waiting += [(page.parent / name).resolve() for name in targets if name and ":" not in name]
    assert [str(path) for path in pages() if DOCS in path.parents and path not in seen] == []


def test_what_the_troubleshooting_quotes_is_said() -> None:
    """Each piece of a quoted message, between the "…", stands in the code as it is quoted."""
    code = " ".join(
        path.read_text("utf-8")
        for path in tracked()
        if path.relative_to(ROOT).parts[0] in ("ivr", "transcribe", "script") and path.suffix in ("", ".py")
    )
    code = re.sub(r"\\(['\"])", r"\1", re.sub(r'"\s*\n\s*f?"', "", code))
    quoted = [message for message in rows((DOCS / "operator" / "troubleshooting.md").read_text("utf-8"))]
    assert len(quoted) > 40
    pieces = [piece.strip(" ();,") for message in quoted for piece in message.split("…")]
    assert [piece for piece in pieces if piece and piece not in code] == []


def test_what_the_agents_page_quotes_is_on_the_screen() -> None:
    screens = " ".join(
        path.read_text("utf-8")
        for path in tracked()
        if path.relative_to(ROOT).parts[:2] in (("ivr", "web"), ("ivr", "callbacks"))
        and path.suffix in (".py", ".html")
    )
    quoted = re.findall("[「【](.+?)[」】]", (DOCS / "agent" / "callbacks.md").read_text("utf-8"))
    assert len(quoted) > 15
    assert [words for words in quoted if words not in screens] == []


def test_each_picture_of_the_agents_pages_is_shown_and_small() -> None:
    """tools/pictures.py makes them; that one which is shown is there is seen with the links."""
    shown = {
        target
        for page in pages()
        for target in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text("utf-8"))
    }
    made = {f"pictures/{path.name}": path for path in (DOCS / "agent" / "pictures").iterdir()}
    assert made.keys() == shown and len(made) >= 8
    assert [name for name, path in made.items() if path.stat().st_size >= 150_000] == []


def test_every_change_that_a_webhook_may_name_is_documented() -> None:
    text = sections(DOCS / "admin" / "notices.md")["Everything that happens to a callback"]
    assert [name for name in EVENTS if f"`{name}`" not in text] == []


def test_words_of_the_project_are_in_the_glossary() -> None:
    """The words of the screens for states, and those of the steps' causes."""
    text = (DOCS / "dev" / "glossary.md").read_text("utf-8")
    for word in (
        "busy",
        "no_agent",
        "no_answer",
        "closed",
        "asked",
        "available",
        "away",
        "talking",
        "wrap_up",
    ):
        assert f"`{word}`" in text


# -- nothing of this machine ------------------------------------------------------------------


# Written in two pieces, so that this file does not hold them.
_MACHINE = ["/wo" + "rk/", "/ro" + "ot/", "/home" + "/", "/opt" + "/pypi", "/tmp" + "/bash"]
_REGISTRIES = [
    "deb.deb" + "ian.org",
    "py" + "pi.org",
    "files.python" + "hosted.org",
    "registry.npm" + "js.org",
]
# The mirror that an apt without any source of its own would have, and the test of that.
MAY_NAME = {"ivr/asterisk/apt.py": _REGISTRIES[0], "tests/unit/test_asterisk_fetch.py": _REGISTRIES[0]}


def test_no_file_names_this_machine_or_a_registry() -> None:
    found = []
    for path in tracked():
        content = path.read_bytes()
        name = str(path.relative_to(ROOT))
        for word in _MACHINE + _REGISTRIES:
            if word.encode() in content and MAY_NAME.get(name) != word:
                found.append(f"{name}: {word}")
    assert found == []
