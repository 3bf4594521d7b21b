"""The product tried from outside by a program that shares no code with it (`tools/driver`), in its short form."""

import ast
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DRIVER = ROOT / "tools" / "driver"
LIBRARIES = {"numpy", "pyopenjtalk"}  # all that it needs beside Python itself
LIMIT = 900  # seconds; about 60 on two cores that do nothing else, and it draws prompts that nobody has spoken yet
FIXED_SEED = 20261124


@pytest.mark.timeout(LIMIT + 20)
def test_every_message_makes_one_callback_for_a_program_that_knows_only_sip_http_and_audio(
    spoken_prompts: Path,
) -> None:
    """A fixed seed shows what broke since yesterday, a random one what nobody thought of."""
    seeds = {FIXED_SEED: ["closed"], secrets.randbelow(10**6): ["open"]}
    runs = {seed: _start(seed, desks, spoken_prompts) for seed, desks in seeds.items()}
    try:
        said = {seed: run.communicate(timeout=LIMIT)[0] for seed, run in runs.items()}
    finally:
        for run in runs.values():
            with run:  # its pipe is closed, too
                if run.poll() is None:
                    run.terminate()
    print(*said.values())
    for seed, run in runs.items():
        assert run.returncode == 0, f"seed {seed}:\n{said[seed]}"
        messages = {"closed": 2, "open": 5}
        expected = sum(messages[desk] for desk in seeds[seed])
        assert f"{expected} messages, 0 wrong" in said[seed]


def _start(seed: int, desks: list[str], prompts: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tools.driver", "--seed", str(seed), "--prompts", str(prompts), "--desks", *desks],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def test_the_driver_shares_no_code_with_the_product() -> None:
    sources = list(DRIVER.glob("**/*.py"))
    assert len(sources) > 5
    for source in sources:
        for module in _imported(source):
            top = module.partition(".")[0]
            allowed = top in sys.stdlib_module_names | LIBRARIES or module.startswith("tools.driver")
            assert allowed, f"{source.name} imports {module}"


def _imported(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module is not None, f"{source.name}: a relative import"
            yield node.module
            assert node.module != "importlib"
        elif isinstance(node, ast.Name):
            assert node.id not in ("__import__", "exec", "eval"), source.name
