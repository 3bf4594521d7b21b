"""Import directions of DESIGN.md ("Import direction, held by a test"), read from the source."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASE = {
    "errors",
    "keys",
    "clock",
    "settings",
    "logs",
    "outside",
    "transcript",
}  # small files at the top that any room may use
PROTOCOLS = {"call", "staff", "known"} | BASE

# room or file -> what of ivr it may import. What stands here is imported by nothing that is not listed.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "keys": set(),
    "transcript": set(),
    "clock": set(),
    "settings": {"errors"},
    "logs": set(),
    "outside": set(),
    "wake": {"errors"},
    "systemd": set(),
    "heartbeat": {"errors", "clock"},
    # leaves
    "store": {"errors"},
    "hours": {"errors"},
    "prompts": {"errors"},
    # what steps can do to a caller, the dialplan, the steps
    "call": {"keys", "transcript"},
    "staff": {"call"},
    "known": set(),
    "dialplan": {"hours", "prompts"} | PROTOCOLS,
    "steps": {"dialplan", "hours"} | PROTOCOLS,
    # what happens around calls
    "callbacks": {"store", "hours"} | BASE,
    "queues": {"callbacks", "store", "hours"} | PROTOCOLS,
    "reports": {"callbacks", "store"} | BASE,
    "messages": {"alerts", "callbacks", "dialplan", "store", "hours"} | PROTOCOLS,
    "notify": {"callbacks", "dialplan", "store", "hours", "wake"} | PROTOCOLS,
    "journal": {"alerts", "store"} | PROTOCOLS,
    "lines": {"callbacks", "call", "clock", "steps", "dialplan", "hours", "store", "errors"},
    "orders": {"store", "wake"} | BASE,
    "publish": {"dialplan", "hours", "prompts", "store", "errors", "outside"},
    "fallback": {"asterisk", "call", "dialplan", "hours", "steps", "errors"},
    # a line seen and tried before it is live
    "terminal": {"dialplan", "steps", "hours", "queues", "callbacks", "messages", "store"} | PROTOCOLS,
    "explain": {"terminal", "dialplan", "hours", "keys"},
    "year": {"explain", "dialplan", "hours", "errors"},
    "replay": {"terminal", "call", "dialplan", "errors", "hours", "keys", "steps", "store"},
    "traffic": {"dialplan", "store"},
    "past": {"replay", "traffic", "dialplan", "steps", "store", "clock", "settings", "errors"},
    "audition": {"dialplan", "steps", "prompts", "settings", "errors"},
    "alerts": {"store"},
    "pins": {"staff", "store"} | BASE,
    "accounts": {"store", "errors"},
    "auditing": {"store"} | BASE,
    "closings": {"staff", "dialplan", "hours", "lines", "pins", "prompts", "steps", "store", "wake"} | BASE,
    "doctor": {"alerts", "asterisk", "checking", "models", "store"} | BASE,
    "retrieval": {"staff", "call", "callbacks", "dialplan", "lines", "pins", "store"} | BASE,
    "customers": {"known", "callbacks", "dialplan", "lines", "pins", "store"} | BASE,
    "ringing_back": {"asterisk", "call", "callbacks", "engine", "lines", "store"} | BASE,
    "models": {"messages", "store"} | BASE,
    "disclosure": {"asterisk", "callbacks", "lines", "messages", "store"} | BASE,
    "trunks": {"dialplan"} | BASE,
    "watch": set(),
    "sounds": {"asterisk", "dialplan", "prompts", "settings"},
    "checking": {"asterisk", "dialplan", "steps", "prompts", "trunks", "outside", "settings", "errors"},
    "editing": {"checking", "dialplan", "orders", "store", "settings", "errors"},
    # the edges: Asterisk, browsers, the job engine, the guard
    "asterisk": {"trunks"} | PROTOCOLS,
    "duty": {"asterisk", "call", "callbacks", "dialplan", "engine", "lines", "store"} | BASE,
    "engine": {"asterisk", "dialplan", "queues", "lines"} | PROTOCOLS,
    "engine_health": {"asterisk", "engine", "store"} | BASE,
    "web": {
        "accounts",
        "closings",
        "lines",
        "year",
        "traffic",
        "audition",
        "callbacks",
        "checking",
        "dialplan",
        "editing",
        "hours",
        "messages",
        "orders",
        "prompts",
        "publish",
        "queues",
        "reports",
        "steps",
        "store",
        "terminal",
        "wake",
    }
    | PROTOCOLS,
    "jobs": {"messages", "callbacks", "notify", "store", "hours", "prompts", "publish"} | BASE,
    "guard": {"asterisk", "rescue", "heartbeat", "systemd"} | BASE,
    "rescue": {"asterisk", "errors"},
}

# package -> the only places that import it
EDGES = {
    "vosk": {"transcribe/recognizer.py"},
    "dbos": {"ivr/jobs.py"},
    "aiosmtplib": {"ivr/notify/mail.py"},
    "pyopenjtalk": {"ivr/prompts/"},
    "holidays": {"ivr/hours/"},
    "icalendar": {"ivr/hours/ical.py"},
    "recurring_ical_events": {"ivr/hours/ical.py"},
    "alembic": {"ivr/store/"},
    "jinja2": {"ivr/web/"},
    "segno": {"ivr/web/auth/totp.py"},
    "yaml": {"ivr/dialplan/"},
}

# Modules that must stay out of small processes, however indirectly: module -> what it must not load
SMALL = {
    "ivr.guard": {"sqlalchemy", "pydantic", "dbos", "vosk", "numpy", "jinja2", "holidays", "pyopenjtalk"},
    "ivr.engine": {"dbos", "vosk", "pyopenjtalk", "jinja2"},
    "transcribe.__main__": {"ivr", "sqlalchemy", "dbos"},
}


def sources() -> list[Path]:
    found = [path for top in ("ivr", "transcribe") for path in sorted((ROOT / top).rglob("*.py"))]
    assert len(found) > 50
    return found


def room(path: Path) -> str:
    """`ivr/steps/menu.py` -> steps, `ivr/call.py` -> call."""
    return path.relative_to(ROOT).with_suffix("").parts[1]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name; `from ivr import x` counts as ivr.x."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            assert node.module is not None
            if node.module in ("ivr", "transcribe"):
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module


def wrong_directions(path: Path) -> list[str]:
    mine = room(path)
    wrong = []
    for line, name in imported(path):
        top, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        if top == "ivr" and target != mine and target not in ALLOWED[mine]:
            wrong.append(f"{path.relative_to(ROOT)}:{line}: {mine} must not import {target}")
    return wrong


def test_import_directions() -> None:
    ruled = [path for path in sources() if path.is_relative_to(ROOT / "ivr") and room(path) in ALLOWED]
    assert {room(path) for path in ruled} >= {
        "store",
        "hours",
        "prompts",
        "steps",
        "queues",
        "asterisk",
        "web",
    }
    assert [wrong for path in ruled for wrong in wrong_directions(path)] == []


def test_the_rule_sees_a_wrong_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    bad = tmp_path / "ivr" / "steps" / "bad.py"
    bad.parent.mkdir(parents=True)
    bad.write_text("def f():\n    from ivr.store import agents\n    from ivr import asterisk\n")
    assert wrong_directions(bad) == [
        "ivr/steps/bad.py:2: steps must not import store",
        "ivr/steps/bad.py:3: steps must not import asterisk",
    ]


def test_the_transcriber_knows_nothing_of_the_engine() -> None:
    theirs = [path for path in sources() if path.is_relative_to(ROOT / "transcribe")]
    assert [str(path) for path in theirs for _, name in imported(path) if name.split(".")[0] == "ivr"] == []


@pytest.mark.parametrize("package", EDGES)
def test_library_is_imported_in_one_place(package: str) -> None:
    users = {
        str(path.relative_to(ROOT))
        for path in sources()
        for _, name in imported(path)
        if name.split(".")[0] == package
    }
    assert users, f"nobody imports {package}: the rule is out of date"
    assert [user for user in users if not user.startswith(tuple(EDGES[package]))] == []


def module_file(name: str) -> Path | None:
    path = ROOT.joinpath(*name.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.exists():
            return file
    return None


def loaded_by(module: str) -> set[str]:
    """Every package and module that importing `module` can load, followed through our own files."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        file = module_file(name) if name.split(".")[0] in ("ivr", "transcribe") else None
        if file is not None:
            waiting += [found for _, found in imported(file)]
            # `from a.b import c` may name a module
            waiting += [
                f"{node.module}.{alias.name}"
                for node in ast.walk(parsed(file))
                if isinstance(node, ast.ImportFrom)
                for alias in node.names
                if module_file(f"{node.module}.{alias.name}") is not None
            ]
    return {name.split(".")[0] for name in seen}


@pytest.mark.parametrize("module", SMALL)
def test_process_stays_small(module: str) -> None:
    assert module_file(module) is not None
    assert loaded_by(module) & SMALL[module] == set()


CLOCKS = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.perf_counter",
}


def test_the_fallback_script_needs_nothing_of_ours() -> None:
    """It answers when our virtual environment is gone; pyst2 (`asterisk`) it may try."""
    scripts = sorted((ROOT / "asterisk_conf" / "agi").glob("*.py"))
    assert scripts
    known = sys.stdlib_module_names | {"asterisk"}
    tops = [(script.name, name.split(".")[0]) for script in scripts for _, name in imported(script)]
    assert [found for found in tops if found[1] not in known] == []


def reads_a_clock(node: ast.AST) -> bool:
    if not isinstance(node, ast.Attribute):
        return False
    name = ast.unparse(node)
    return bool({name, name.removeprefix("datetime.")} & CLOCKS)


def test_only_the_clock_reads_the_time() -> None:
    readers = [
        f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        for path in sources()
        for node in ast.walk(parsed(path))
        if reads_a_clock(node)
    ]
    assert readers, "the rule sees nothing: clock.py must be among them"
    assert [reader for reader in readers if not reader.startswith("ivr/clock.py:")] == []
