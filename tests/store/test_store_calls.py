import pytest

from ivr.errors import NotFound
from ivr.store import agents, calls
from ivr.store.database import Store
from tests.store.rows import NOON, after, call


async def test_saving_twice_is_saving_once(store: Store) -> None:
    rows = [call(f"c{number}") for number in range(50)]
    for _ in range(2):
        async with store.write() as session:
            await calls.save(session, rows)
    async with store.read() as session:
        assert len(await calls.listing(session, limit=1000)) == 50


async def test_a_later_save_replaces_every_column(store: Store) -> None:
    async with store.write() as session:
        await calls.save(session, [call("c1"), call("c2")])
    ended = call(
        "c1",
        ended_at=after(60),
        outcome="message",
        cause="busy",
        path=["welcome", "busy_message"],
        state=None,
        keys_emptied=3,
    )
    async with store.write() as session:
        await calls.save(session, [ended])
    async with store.read() as session:
        changed, same = await calls.get(session, "c1"), await calls.get(session, "c2")
    assert changed is not None and same is not None
    assert {key: getattr(changed, key) for key in ended} == ended
    assert (same.outcome, same.state) == ("in_progress", {"step": "menu", "variables": {"名前": "田中"}})


async def test_of_one_call_twice_in_a_batch_the_later_wins(store: Store) -> None:
    async with store.write() as session:
        await calls.save(session, [call("c1", path=["a"]), call("c1", path=["a", "b"])])
    async with store.read() as session:
        row = await calls.get(session, "c1")
    assert row is not None
    assert row.path == ["a", "b"]


async def test_an_empty_batch_is_allowed(store: Store) -> None:
    async with store.write() as session:
        await calls.save(session, [])


async def test_a_caller_who_dials_nonsense_does_not_spoil_the_batch(store: Store) -> None:
    async with store.write() as session:
        await calls.save(session, [call("c1"), call("c2", dialled="9" * 500)])
    async with store.read() as session:
        assert len(await calls.listing(session)) == 2


async def test_the_list_is_newest_first_and_read_page_by_page(store: Store) -> None:
    # two at the same moment: the page border between them must lose neither
    times = {"c1": 0, "c2": 10, "c3": 10, "c4": 20, "c5": 30}
    async with store.write() as session:
        await calls.save(session, [call(name, started_at=after(t)) for name, t in times.items()])
    seen: list[str] = []
    page_end = None
    async with store.read() as session:
        while page := await calls.listing(session, limit=2, after=page_end):
            seen += [row.id for row in page]
            page_end = page[-1].id
    assert seen == ["c5", "c4", "c3", "c2", "c1"]


async def test_the_list_can_be_narrowed(store: Store) -> None:
    async with store.write() as session:
        await calls.save(
            session,
            [
                call("c1", line="a", tenant="x", outcome="message"),
                call("c2", line="a", tenant="x", outcome="answered"),
                call("c3", line="b", tenant="y", outcome="message"),
            ],
        )
    async with store.read() as session:
        assert [row.id for row in await calls.listing(session, line="a", outcome="message")] == ["c1"]
        assert [row.id for row in await calls.listing(session, tenant="y")] == ["c3"]
        assert [row.id for row in await calls.listing(session, outcome="abandoned")] == []


async def test_a_page_after_nothing_is_an_error(store: Store) -> None:
    async with store.read() as session:
        with pytest.raises(NotFound):
            await calls.listing(session, after="nobody")


async def test_calls_of_an_engine_that_died_are_closed_and_no_others(store: Store) -> None:
    async with store.write() as session:
        await calls.save(
            session,
            [
                call("late", started_at=after(5)),
                call("early", started_at=NOON),
                call("over", ended_at=after(9)),
                call("foreign", engine="2"),
            ],
        )
        assert await calls.close_unfinished(session, "1", after(20)) == 2
    async with store.read() as session:
        assert {row.id: (row.ended_at, row.outcome) for row in await calls.listing(session)} == {
            "late": (after(20), "failed"),
            "early": (after(20), "failed"),
            "over": (after(9), "in_progress"),
            "foreign": (None, "in_progress"),
        }


async def test_calls_that_went_on_are_found_from_every_line_they_were_in(store: Store) -> None:
    paths = {
        "own": ["menu", "1", "shop_queue"],
        "gone": ["shop:menu", "1", "on", "workshop:times", "on", "depot:start"],
        "other": ["my_shop:menu", "on", "workshop:times"],
    }
    lines = {"own": "shop", "gone": "depot", "other": "workshop"}
    rows = [call(id, line=lines[id], path=path, ended_at=after(60)) for id, path in paths.items()]
    async with store.write() as session:
        await calls.save(session, rows)
    found: dict[tuple[str, bool], list[str]] = {}
    async with store.read() as session:
        for line in ("shop", "workshop", "depot"):
            for gone_on in (False, True):
                passages = await calls.passages(session, line, NOON, after(3600), gone_on=gone_on)
                found[line, gone_on] = sorted(passage.id for passage in passages)
    assert found == {
        ("shop", False): ["own"],
        ("shop", True): ["gone", "own"],
        ("workshop", False): ["other"],
        ("workshop", True): ["gone", "other"],
        ("depot", False): ["gone"],
        ("depot", True): ["gone"],
    }


async def test_who_answered_is_written_by_the_answer_and_stays(store: Store) -> None:
    async with store.write() as session:
        await calls.save(session, [call("c1"), call("c2")])
        for name in ("aiko", "ben"):
            await agents.add(session, name, groups=["support"], endpoint=f"PJSIP/{name}", secret="x", at=NOON)
        await agents.reserve(session, "support", "c1", until=after(20), now=NOON)
        assert await agents.answer(session, "ben", "c1", NOON)
        assert not await agents.answer(session, "aiko", "c1", NOON), "one alone has the call"
    async with store.write() as session:
        await calls.save(session, [call("c1", outcome="answered", ended_at=after(60), state=None)])
        found = {id: await calls.get(session, id) for id in ("c1", "c2")}
    assert {id: row.agent for id, row in found.items() if row} == {"c1": "ben", "c2": None}
    assert found["c1"] is not None and found["c1"].outcome == "answered"
