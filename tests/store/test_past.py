"""`ivr replay` and `ivr draw --since` on calls of the store."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from ivr.cli import main
from ivr.clock import SystemClock
from ivr.dialplan.load import load_text
from ivr.settings import load
from ivr.steps import STEPS
from ivr.store import calls, dialplans
from ivr.store.database import opened
from ivr.store.migrate import migrate
from tests.dialplans import changed
from tests.store import rows

# Open day and night: when the test runs does not matter.
ALWAYS = changed('weekly: {月-金: "10:00-17:00"}', 'weekly: {月-日: "0:00-24:00"}')
OTHER = changed("otherwise: agents", "otherwise: message", ALWAYS)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IVR_DATA", str(tmp_path / "var"))
    monkeypatch.setenv("IVR_DIALPLANS", str(tmp_path / "dialplans"))
    (tmp_path / "var").mkdir()
    (tmp_path / "dialplans").mkdir()
    (tmp_path / "dialplans" / "shop.yaml").write_text(ALWAYS, "utf-8")
    return tmp_path


async def yesterday(*paths: tuple[str, list[str]]) -> None:
    settings = load()
    migrate(settings.database_url)
    plan = load_text("shop.yaml", ALWAYS, STEPS)
    begun = SystemClock().now() - timedelta(hours=2)
    live = dialplans.LiveLine("shop", "shop", "山田商店", ("+815031859080",), plan.hash, plan.source)
    async with opened(settings.database_url) as store, store.write() as session:
        await dialplans.publish(session, live, at=begun, by="test", why=None)
        await calls.save(
            session,
            [
                rows.call(
                    f"c{number}",
                    line="shop",
                    tenant="shop",
                    dialplan=plan.hash,
                    path=path,
                    path_times=[0.0] * len(path),
                    outcome=outcome,
                    started_at=begun,
                    ended_at=begun + timedelta(seconds=60),
                    state=None,
                )
                for number, (outcome, path) in enumerate(paths)
            ],
        )


async def fill() -> None:
    await yesterday(
        ("answered", ["office", "menu", "#1", "agents"]),
        ("answered", ["office", "menu", "agents"]),
        ("abandoned", ["office", "menu"]),
    )


def test_replay_tells_whose_path_would_differ(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(fill())
    new = desk / "new.yaml"
    new.write_text(OTHER, "utf-8")
    assert main(["replay", "--since", "1d", "--with", str(new), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["counts"] == {"same": 2, "differs": 1, "unknown": 0}
    [other] = [call for call in told["calls"] if call["verdict"] == "differs"]
    assert (other["id"], other["was"], other["now"][:3]) == (
        "c1",
        ["office", "menu", "agents"],
        ["office", "menu", "message"],
    )
    assert main(["replay", "--since", "1d", "--with", str(new)]) == 0
    said = capsys.readouterr().out
    assert "  was office > menu > agents" in said and "3 calls: 2 as before, 1 another way\n" in said


def test_replay_says_what_it_needs(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(fill())
    strange = desk / "new.yaml"
    strange.write_text(changed("050-3185-9080", "050-3185-9081", OTHER), "utf-8")
    for arguments, said in (
        (["--with", str(desk / "none.yaml")], "there is no file"),
        (["--with", str(strange)], "say which by --line: shop"),
        (["--with", str(strange), "--line", "shop", "--since", "2099-01-01"], "is empty"),
        (["--with", str(strange), "--line", "shop", "--since", "gestern"], '"gestern" is no time'),
    ):
        assert main(["replay", *arguments]) == 1
        assert said in capsys.readouterr().err


def test_draw_counts_the_callers(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(fill())
    assert main(["draw", "shop", "--since", "1d", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["calls"] == 3
    assert {"from": "menu", "to": "agents", "calls": 2} in told["ways"]
    assert main(["draw", "shop", "--since", "1d"]) == 0
    assert "営業中 3人" in capsys.readouterr().out
