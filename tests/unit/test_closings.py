"""Closing a line at once: the reason and the moments as they are typed, the commands, what becomes of it."""

import asyncio
import io
import json
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ivr import app, closings, pins
from ivr.cli import main
from ivr.dialplan.check import line_numbers
from ivr.dialplan.load import load_text
from ivr.errors import ClosingError, DialplanError, NotFound, PinError
from ivr.fallback import bundle_line
from ivr.hours import Closing
from ivr.lines import Lines, LiveLine
from ivr.settings import load
from ivr.steps import STEPS
from ivr.store import dialplans, orders
from ivr.store.database import Store, opened
from tests.dialplans import SHOP
from tests.hours_helpers import jst

NOW = jst("2026-11-24 06:00")  # a Tuesday
NIGHT = SHOP.replace('"10:00-17:00"', '"18:00-26:00"')
NO_HOURS = """\
line: {tenant: staff, name: 設定, numbers: ["050-3185-9079"]}
start: bye
steps:
  bye: {type: play, say: 失礼いたします。, next: end}
  end: {type: hangup}
"""


def live(source: str = SHOP) -> LiveLine:
    return LiveLine.read("shop", source)


# -- what is typed --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("台風", "台風"),
        (" 台風のため ", "台風"),
        ("設備点検のため、", "設備点検"),
        ("ｼｽﾃﾑ障害", "システム障害"),
    ],
)
def test_the_reason_as_it_is_said(typed: str, said: str) -> None:
    assert closings.as_reason(typed) == said


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "write one like 台風"),
        ("のため", "write one like 台風"),
        ("。。", "write one like 台風"),
        ("！？", "cannot be said"),
        ("台風🌀", "cannot be said"),
        ("{line}", "no braces"),
        ("一\n二", "no second line"),
        ("長" * 41, "41 characters"),
    ],
)
def test_a_reason_that_cannot_be_said(typed: str, message: str) -> None:
    with pytest.raises(ClosingError, match=message):
        closings.as_reason(typed)


@pytest.mark.parametrize(
    ("typed", "until"),
    [
        ("today", jst("2026-11-25 00:00")),
        ("open-ended", None),
        ("2026-11-24T17:00", jst("2026-11-24 17:00")),
        ("2026-11-24T08:00+00:00", jst("2026-11-24 17:00")),
        ("2026-11-26", jst("2026-11-27 00:00")),
    ],
)
def test_until(typed: str, until: datetime | None) -> None:
    assert closings.read_until(typed, live(), NOW) == until


def test_today_has_the_night_with_it() -> None:
    assert closings.end_of_day(live(NIGHT), date(2026, 11, 24)) == jst("2026-11-25 02:00")


def test_until_that_is_no_time() -> None:
    choices = "write it like 2026-11-24T11:00, a date like 2026-11-24, today or open-ended"
    with pytest.raises(DialplanError, match=choices):
        closings.read_until("tomorrow", live(), NOW)


@pytest.mark.parametrize("pin", ["12345", "123456789", "12345a", "111111", "112211", "", "１２３４５６"])
def test_a_pin_that_is_too_easy(pin: str) -> None:
    with pytest.raises(PinError, match="6 to 8 digits"):
        pins.digest(pin)


def test_a_new_pin_is_good_and_its_digest_does_not_hold_it() -> None:
    pin = pins.new()
    assert len(pin) == 6
    digest = pins.digest(pin)
    assert digest.startswith("$argon2id$") and pin not in digest


# -- what becomes of it ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    app.prepare(load({"IVR_DATA": str(folder)}))
    return folder


@pytest.fixture
def data(tmp_path: Path, template: Path) -> Path:
    """Two lines, one of which asks no hours."""
    shutil.copytree(template, tmp_path / "data")
    asyncio.run(_publish(tmp_path / "data", {"shop": SHOP, "staff": NO_HOURS}))
    return tmp_path / "data"


async def _publish(data: Path, sources: dict[str, str]) -> None:
    async with opened(load({"IVR_DATA": str(data)}).database_url) as store, store.write() as session:
        for key, source in sources.items():
            plan = load_text(f"{key}.yaml", source, STEPS)
            numbers = tuple(line_numbers(plan))
            line = dialplans.LiveLine(key, plan.line.tenant, key, numbers, plan.hash, source)
            await dialplans.publish(session, line, at=NOW, by="test")


@pytest.fixture
async def store(data: Path) -> AsyncIterator[Store]:
    async with opened(load({"IVR_DATA": str(data)}).database_url) as store:
        yield store


async def test_a_closing_orders_both_processes_and_reaches_the_next_call(store: Store) -> None:
    lines = Lines()
    await lines.reload(store)
    before = lines.get("shop")
    async with store.write() as session:
        await closings.close_line(session, "shop", NOW, jst("2026-11-25 00:00"), "台風のため", "alice", NOW)
        assert [order.kind for order in await orders.pending(session, "engine")] == ["reload"]
        assert [order.kind for order in await orders.pending(session, "jobs")] == ["closings"]
    await lines.reload(store)
    after = lines.get("shop")
    assert before is not None and after is not None
    assert after.dialplan is before.dialplan
    assert not after.calendars["office"].state(jst("2026-11-24 11:00")).open
    assert after.calendars["office"].state(jst("2026-11-25 11:00")).open
    # A call that runs keeps what it began with.
    assert before.calendars["office"].state(jst("2026-11-24 11:00")).open
    await lines.reload(store)
    assert lines.get("shop") is after
    async with store.write() as session:
        assert await closings.reopen_line(session, "shop", "bob", NOW + timedelta(hours=1)) == 1
    await lines.reload(store)
    opened_again = lines.get("shop")
    assert opened_again is not None
    assert opened_again.calendars["office"].state(jst("2026-11-24 11:00")).open


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        ("2026-11-24 06:00", "2026-11-24 06:00"),
        ("2026-11-24 06:00", "2026-11-24 05:00"),
        ("2026-11-25 06:00", "2026-11-25 05:00"),
    ],
)
async def test_a_closing_that_would_be_over_is_refused(store: Store, begins: str, ends: str) -> None:
    async with store.write() as session:
        with pytest.raises(ClosingError, match="past or before its beginning"):
            await closings.close_line(session, "shop", jst(begins), jst(ends), "台風", "alice", NOW)
        assert await orders.pending(session, "engine") == []


async def test_a_line_that_asks_no_hours_cannot_be_closed(store: Store) -> None:
    lines = Lines()
    await lines.reload(store)
    with pytest.raises(ClosingError, match="asks no hours"):
        closings.closable(lines, "staff")
    with pytest.raises(NotFound, match="there are shop, staff"):
        closings.closable(lines, "nobody")


def test_the_fallback_is_closed_too() -> None:
    plan = load_text("shop.yaml", SHOP, STEPS)
    now = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)  # Tuesday 06:00 in Tokyo
    until = jst("2026-11-24 13:00")
    found = bundle_line(plan, [], now, [Closing(now, until, "台風")])
    monday = (jst("2026-11-23 10:00"), jst("2026-11-23 17:00"))
    assert found.open[:2] == [monday, (jst("2026-11-24 13:00"), jst("2026-11-24 17:00"))]
    assert bundle_line(plan, [], now, [Closing(now, None, "台風")]).open == [monday]


# -- commands -------------------------------------------------------------------------------

Ivr = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ivr(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ivr:
    """Exit status, output, errors; the clock of the command stands at NOW."""
    monkeypatch.setenv("IVR_DATA", str(data))
    offset = (NOW - datetime.now(UTC)).total_seconds()
    load({"IVR_DATA": str(data)}).clock_file.write_text(str(offset), "ascii")

    def run(*words: str) -> tuple[int, str, str]:
        status = main(words)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_close_list_and_reopen(ivr: Ivr) -> None:
    closing = ("--until", "2026-11-24T13:00", "--reason", "台風", "--by", "tanaka")
    status, said, _ = ivr("close", "shop", *closing)
    assert status == 0
    assert "until 2026-11-24 13:00" in said
    assert "本日は、台風のため、臨時休業とさせていただいております。午後1時から再開いたします。" in said
    (row,) = json.loads(ivr("closings", "--json")[1])
    assert (row["line"], row["stands"], row["reason"], row["by"]) == ("shop", True, "台風", "tanaka")
    assert row["ends"] == "2026-11-24T13:00:00+09:00"
    assert ivr("closings", "--line", "staff", "--json")[1] == "[]\n"
    assert ivr("reopen", "shop")[:2] == (0, "line shop keeps its hours again\n")
    assert ivr("reopen", "shop")[0] == 1
    assert ivr("closings")[1] == "nothing yet\n"


def test_one_that_is_still_to_come_is_taken_back_by_its_id(ivr: Ivr) -> None:
    said = ivr("close", "shop", "--from", "2026-11-26T10:00", "--until", "2026-11-26", "--reason", "棚卸し")[
        1
    ]
    assert "from 2026-11-26 10:00 until 2026-11-27 00:00" in said
    (row,) = json.loads(ivr("closings", "--json")[1])
    assert not row["stands"]
    assert ivr("reopen", "shop")[0] == 1
    assert ivr("reopen", "shop", "--id", str(row["id"]))[0] == 0
    assert ivr("closings", "--json")[1] == "[]\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["nobody", "--until", "today", "--reason", "台風"],
            'there is no line "nobody"; there are shop, staff',
        ),
        (["shop", "--until", "2026-11-23T17:00", "--reason", "台風"], "past or before its beginning"),
        (["shop", "--until", "noon", "--reason", "台風"], "write it like 2026-11-24T11:00"),
        (["shop", "--until", "today", "--reason", "！"], "the reason cannot be said"),
        (["shop", "--until", "today", "--reason", "台風", "--from", "2026-11-23T10:00"], "leave it out"),
        (["staff", "--until", "today", "--reason", "台風"], "asks no hours"),
    ],
)
def test_what_cannot_be_closed_says_what_to_do(ivr: Ivr, words: list[str], message: str) -> None:
    status, _, error = ivr("close", *words)
    assert status == 1
    assert message in error and "Traceback" not in error


def test_a_pin_is_made_and_shown_once_or_read(ivr: Ivr, monkeypatch: pytest.MonkeyPatch) -> None:
    status, said, _ = ivr("pin", "shop")
    assert status == 0 and said.strip().isdecimal() and len(said.strip()) == 6
    monkeypatch.setattr("sys.stdin", io.StringIO("482193\n"))
    assert ivr("pin", "shop", "--stdin") == (0, "line shop has this PIN now\n", "")
    monkeypatch.setattr("sys.stdin", io.StringIO("1234\n"))
    assert "6 to 8 digits" in ivr("pin", "shop", "--stdin")[2]
    assert 'there is no line "nobody"' in ivr("pin", "nobody")[2]
