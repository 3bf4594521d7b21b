"""What `ivr check` costs beside YAML and a JSON schema alone, which is what an editor or a CI job would run: `python -m bench.check`.

Medians of CPU time in one process, and of wall time for the command from its start to its end. Fails above 300 ms for
all dialplans of the project, 1.5 s for the command, or 2 s for a line with 1,000 steps.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from time import perf_counter, process_time

import yaml
from jsonschema import Draft202012Validator

from ivr.dialplan.check import check_all
from ivr.dialplan.load import load_all
from ivr.steps import STEPS

ROOT = Path(__file__).parents[1]
DIALPLANS = ROOT / "dialplans"
TODAY = date(2026, 11, 24)
ROUNDS = 11
STEPS_OF_THE_LONG_LINE = 1000
AIM_ALL, AIM_COMMAND, AIM_LONG = 0.300, 1.5, 2.0  # seconds


def ours(directory: Path) -> None:
    dialplans, problems = load_all(directory, STEPS)
    errors = [
        str(problem) for problem in [*problems, *check_all(dialplans, TODAY)] if problem.severity == "error"
    ]
    if errors:
        raise SystemExit("\n".join(errors))


def schema_alone(directory: Path) -> None:
    """Finds no wrong reference, endless loop, calendar without an opening or number given twice."""
    validator = Draft202012Validator(json.loads((DIALPLANS / "schema.json").read_text("utf-8")))
    for path in sorted(directory.glob("*.yaml")):
        tree = yaml.load(path.read_text("utf-8"), yaml.BaseLoader)
        if path.stem != "readings":
            list(validator.iter_errors(tree))


def long_line(directory: Path) -> None:
    """As many steps as a file may hold: by turns a question of the calendar and a goodbye."""
    pairs = (STEPS_OF_THE_LONG_LINE - 2) // 2
    steps: dict[str, object] = {
        "welcome": {"type": "play", "say": "お電話ありがとうございます。", "next": "ask0"}
    }
    for number in range(pairs):
        following = f"ask{number + 1}" if number + 1 < pairs else f"say{number}"
        steps[f"ask{number}"] = {"type": "hours", "hours": "h", "open": following, "closed": f"say{number}"}
        steps[f"say{number}"] = {"type": "play", "say": "お電話ありがとうございました。", "next": "bye"}
    steps["bye"] = {"type": "hangup"}
    tree = {
        "line": {"tenant": "t", "name": "長い窓口", "numbers": ["050-3185-9080"]},
        "hours": {"h": {"zone": "Asia/Tokyo", "weekly": {"月-金": "10:00-17:00"}}},
        "start": "welcome",
        "steps": steps,
    }
    (directory / "long.yaml").write_text(yaml.safe_dump(tree, allow_unicode=True, sort_keys=False), "utf-8")


def cost(work: Callable[[Path], None], directory: Path, rounds: int = ROUNDS) -> float:
    work(directory)  # warm
    found = []
    for _ in range(rounds):
        begun = process_time()
        work(directory)
        found.append(process_time() - begun)
    return statistics.median(found)


def command(rounds: int = 5) -> float:
    found = []
    for _ in range(rounds):
        begun = perf_counter()
        subprocess.run([sys.executable, "-m", "ivr.cli", "check"], cwd=ROOT, check=True, capture_output=True)
        found.append(perf_counter() - begun)
    return statistics.median(found)


def main() -> int:
    lines = len(list(DIALPLANS.glob("*.yaml")))
    all_ours, all_schema = cost(ours, DIALPLANS), cost(schema_alone, DIALPLANS)
    with tempfile.TemporaryDirectory() as name:
        long_line(Path(name))
        long_ours, long_schema = cost(ours, Path(name), 5), cost(schema_alone, Path(name), 5)
    whole = command()
    print(f"{'':28}ivr check   YAML + schema alone   ratio")
    for what, mine, other in (
        (f"{lines} files, warm", all_ours, all_schema),
        (f"{STEPS_OF_THE_LONG_LINE} steps", long_ours, long_schema),
    ):
        print(f"{what:28}{mine * 1000:6.0f} ms{other * 1000:14.0f} ms{mine / other:14.2f}")
    print(f"{'as a command, wall time':28}{whole * 1000:6.0f} ms")
    return int(all_ours > AIM_ALL or whole > AIM_COMMAND or long_ours > AIM_LONG)


if __name__ == "__main__":
    sys.exit(main())
