"""What becomes an alarm, when it goes, and that its text says what to do."""

from pathlib import Path
from typing import Any

from ivr import alerts
from ivr.store import alarms
from ivr.store.database import Store
from tests.store.rows import NOON, after, call


def ended(**changed: Any) -> dict[str, Any]:
    return call("c1", ended_at=after(60), outcome="message", state=None, **changed)


async def standing(store: Store) -> dict[str, tuple[str | None, int, str]]:
    async with store.read() as session:
        return {row.key: (row.tenant, row.count, row.text) for row in await alarms.standing(session)}


async def of_calls(store: Store, *rows: dict[str, Any]) -> None:
    async with store.write() as session:
        await alerts.of_calls(session, rows, NOON)


async def test_nobody_there_in_open_hours_is_an_alarm_until_a_call_is_answered(store: Store) -> None:
    await of_calls(store, ended(cause="no_agent"), ended(cause="busy"), ended(cause="closed"))
    await of_calls(store, ended(cause="no_agent"))
    (key,) = found = await standing(store)
    assert key == "no_agent:ecforce"
    assert found[key][:2] == ("ecforce", 2)
    assert "窓口「ecforce」は営業時間内ですが" in found[key][2]
    assert found[key][2].endswith("オペレーターの状態を「受付可」にしてください。")
    await of_calls(store, {**ended(), "line": "other", "outcome": "answered"})
    assert list(await standing(store)) == ["no_agent:ecforce"]
    await of_calls(store, {**ended(cause="no_agent"), "outcome": "answered"})
    assert await standing(store) == {}


async def test_a_disk_that_fills_up_is_an_alarm_until_there_is_room_again(store: Store) -> None:
    async def of_disk(free: int) -> dict[str, tuple[str | None, int, str]]:
        async with store.write() as session:
            await alerts.of_disk(session, Path("/srv/recordings"), free, NOON)
        return await standing(store)

    assert await of_disk(2_000_000_000) == {}
    found = await of_disk(1_940_000_000)
    assert found["disk"][:2] == (None, 1)
    assert found["disk"][2].startswith("ディスクの空き容量が、あと1.9 GBです（/srv/recordings）。")
    assert list(await of_disk(2_100_000_000)) == ["disk"], "it does not come and go at the border"
    assert await of_disk(2_300_000_000) == {}


async def test_a_number_without_a_line_is_an_alarm_of_the_operator(store: Store) -> None:
    for dialled in ("05011112222", "0312345678\n"):
        await of_calls(store, {**ended(dialled=dialled, line="", tenant=""), "outcome": "rejected"})
    (key,) = found = await standing(store)
    assert key == "number"
    assert found[key][:2] == (None, 2)
    assert "電話番号「0312345678」に着信がありました" in found[key][2]


async def test_a_file_is_an_alarm_while_it_is_wrong(store: Store) -> None:
    tenants = {"ecforce": "acme"}
    wrong = {
        "ecforce": ["dialplans/ecforce.yaml:5:3: bad"],
        "new": ["e"],
        "shared/japan": ["e"],
        "readings": ["e"],
    }
    async with store.write() as session:
        await alerts.of_files(session, wrong, tenants, NOON)
    found = await standing(store)
    assert {key: tenant for key, (tenant, _, _) in found.items()} == {
        "dialplan:ecforce": "acme",
        "dialplan:new": None,
        "dialplan:shared/japan": None,
        "dialplan:readings": None,
    }
    assert found["dialplan:ecforce"][2] == (
        "コールフロー「ecforce.yaml」に誤りがあるため、公開していません。いまは、前の版で応対を続けています。"
        "誤りを直して保存すると、自動で取り込まれます。\ndialplans/ecforce.yaml:5:3: bad"
    )
    assert "この窓口は、まだ応対していません。" in found["dialplan:new"][2]
    async with store.write() as session:
        await alerts.of_files(session, {"new": ["e"]}, tenants, after(60))
    assert list(await standing(store)) == ["dialplan:new"]


async def test_a_long_list_of_errors_is_cut(store: Store) -> None:
    async with store.write() as session:
        await alerts.of_files(session, {"ecforce": [f"error {n}" for n in range(12)]}, {}, NOON)
    text = (await standing(store))["dialplan:ecforce"][2]
    assert text.endswith("error 9\nほか2件")


async def test_prompts_without_audio_are_an_alarm_of_their_line(store: Store) -> None:
    async with store.write() as session:
        await alerts.of_files(session, {"other": ["e"]}, {}, NOON)
        await alerts.of_prompts(session, {"ecforce": ["☎"]}, {"ecforce": "acme"}, NOON)
    found = await standing(store)
    assert found["prompts:ecforce"][0] == "acme"
    assert found["prompts:ecforce"][2].endswith("文言を直すか、録音した音声を用意してください。\n☎")
    async with store.write() as session:
        await alerts.of_prompts(session, {}, {"ecforce": "acme"}, after(1))
    assert list(await standing(store)) == ["dialplan:other"]
