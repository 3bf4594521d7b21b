"""`ivr doctor`: each trouble is told in words with what to do; nothing is changed, and one trouble hides no other."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.asterisk.existing.admin import record_file
from ivr.asterisk.existing.change import Record
from ivr.clock import SystemClock
from ivr.doctor import Finding, examine
from ivr.settings import Address, Settings, load
from ivr.store import agents, alarms, health, users
from ivr.store.database import opened
from ivr.store.migrate import migrate

DIALPLAN = """\
line: {tenant: shop, name: 山田商店, numbers: ["050-3185-9076"]}
start: message
steps:
  message: {type: voicemail, say: お話しください。, callback: {due: 2h}, next: bye}
  bye: {type: hangup}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "dialplans").mkdir()
    (tmp_path / "dialplans" / "shop.yaml").write_text(DIALPLAN, "utf-8")
    environ = {
        "IVR_DATA": str(tmp_path / "var"),
        "IVR_DIALPLANS": str(tmp_path / "dialplans"),
        "IVR_ARI": "127.0.0.1:1",
    }
    return load(environ)


def said(found: list[Finding], level: str) -> str:
    return "\n".join(f"{one.what} -> {one.todo}" for one in found if one.level == level)


async def test_before_the_first_start_nothing_is_bad_and_nothing_is_made(settings: Settings) -> None:
    found = await examine(settings)
    assert said(found, "bad") == ""
    assert "there is no store yet -> ivr run makes it" in said(found, "doubtful")
    assert "passes its check" in said(found, "good")
    assert not settings.data.exists()


async def test_what_an_operator_forgot(settings: Settings) -> None:
    migrate(settings.database_url)
    found = await examine(settings)
    bad, doubtful = said(found, "bad"), said(found, "doubtful")
    assert "nobody can log in as an admin -> ivr user add" in bad
    assert "there are no agents: every caller reaches the voicemail -> ivr agent add" in bad
    assert "no engine runs: callers reach the fallback -> start ivr run" in doubtful
    assert "trial model vosk-tiny-ja" in doubtful and "ivr model fetch vosk-model-small-ja-0.22" in doubtful
    assert "no mail leaves" in doubtful


async def test_an_asterisk_that_was_there_and_cannot_be_asked(settings: Settings, tmp_path: Path) -> None:
    """As root it can, as the engine's user it cannot: then it is not said that it is broken."""
    program = tmp_path / "asterisk"
    program.write_text("#!/bin/sh\necho 'Unable to connect to remote asterisk (does /run/x exist?)'\n")
    program.chmod(0o755)
    Record("/etc/asterisk", "/var/log/asterisk", True, {}, [], [], None).save(record_file(settings))
    found = await examine(replace(settings, asterisk=str(program)))
    assert "asterisk" not in said(found, "bad").lower()
    assert (
        "/etc/asterisk cannot be asked: it does not run, or not by this user -> start it; astctlgroup"
        in said(found, "doubtful")
    )


async def test_what_went_wrong_in_one_that_runs(settings: Settings) -> None:
    migrate(settings.database_url)
    now = SystemClock().now()
    async with opened(settings.database_url) as store, store.write() as session:
        await users.add(session, "sato", "x", tenant=None, at=now, role="admin")
        await agents.add(session, "ito", groups=["support"], endpoint="PJSIP/ito", secret="x", at=now)
        await agents.set_state(session, "ito", "away", "昼休み", now)
        await agents.note_telephones(session, lambda endpoint: False, now)
        await health.beat(session, "engine", now, ok=False, detail={"lines": 1})
        refused = {"state": "refused", "reason": "ユーザー名またはパスワードが違います。"}
        await health.beat(session, "trunks", now, ok=False, detail={"hikari": refused})
        await alarms.raise_(
            session, "prompts:shop", "音声にできないものがあります。\n1", tenant="shop", at=now
        )
    (settings.dialplans / "shop.yaml").write_text(
        DIALPLAN.replace("start: message", "start: mesage"), "utf-8"
    )
    found = await examine(replace(settings, smtp=Address("127.0.0.1", 1)))
    bad, doubtful = said(found, "bad"), said(found, "doubtful")
    assert "the engine has no link to Asterisk" in bad
    assert "trunk hikari: ユーザー名またはパスワードが違います。" in bad
    assert "mesage" in bad and "ivr check" in bad
    assert "the mail server 127.0.0.1:1 does not answer" in bad
    assert "every agent is 離席" in doubtful
    assert "telephones are not registered in Asterisk, and do not ring: ito -> see that" in doubtful
    assert "alarm prompts:shop: 音声にできないものがあります。" in doubtful
    async with opened(settings.database_url) as store, store.write() as session:
        later = datetime.now(UTC) - timedelta(seconds=10)
        await health.beat(session, "engine", later, ok=True, detail={"lines": 1})
    assert "no engine runs" in said(await examine(settings), "doubtful")


async def test_a_store_that_does_not_answer_hides_nothing_else(settings: Settings) -> None:
    found = await examine(replace(settings, database="postgresql://ivr@127.0.0.1:1/ivr"))
    assert "store" in said(found, "bad")
    assert "passes its check" in said(found, "good")
