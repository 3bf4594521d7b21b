import asyncio

import pytest

from ivr.errors import Conflict, NotFound
from ivr.store import dialplans
from ivr.store.database import Store
from ivr.store.dialplans import LiveLine
from tests.store.rows import NOON, after

FIRST = LiveLine(
    "ecforce", "ecforce", "ecforceカスタマーサポート", ("+815031859080", "+81312345678"), "h1", "start: a"
)
SECOND = LiveLine("ecforce", "ecforce", "ecforceカスタマーサポート", ("+81312345678",), "h2", "start: b")


async def publish(store: Store, *lines: LiveLine) -> None:
    async with store.write() as session:
        for line in lines:
            await dialplans.publish(session, line, at=NOON, by="alice")


async def test_what_was_published_is_live(store: Store) -> None:
    await publish(store, FIRST)
    async with store.read() as session:
        assert await dialplans.live(session) == [FIRST]


async def test_publishing_again_is_publishing_once(store: Store) -> None:
    await publish(store, FIRST)
    await publish(store, FIRST)
    async with store.read() as session:
        assert await dialplans.live(session) == [FIRST]


async def test_a_new_version_replaces_the_live_one_and_the_old_stays_readable(store: Store) -> None:
    await publish(store, FIRST)
    await publish(store, SECOND)
    async with store.read() as session:
        assert await dialplans.live(session) == [SECOND]
        old = await dialplans.version(session, "ecforce", "h1")
        assert (old.source, old.published_by, old.published_at) == ("start: a", "alice", NOON)


async def test_going_back_to_an_old_version(store: Store) -> None:
    for version in (FIRST, SECOND, FIRST):
        await publish(store, version)
    async with store.read() as session:
        assert await dialplans.live(session) == [FIRST]


async def test_a_number_of_another_line_is_refused_and_nothing_is_changed(store: Store) -> None:
    await publish(store, FIRST)
    thief = LiveLine("thief", "other", "泥棒", ("+81399999999", "+81312345678"), "h9", "start: z")
    with pytest.raises(Conflict, match=r'\+81312345678 .*"thief" belongs to line "ecforce"'):
        await publish(store, thief)
    async with store.read() as session:
        assert await dialplans.live(session) == [FIRST]


async def test_two_lines_that_take_one_number_at_the_same_moment(store: Store, other_process: Store) -> None:
    lines = [LiveLine(f"line{n}", "t", "n", ("+81312345678",), "h", "s") for n in range(8)]
    results = await asyncio.gather(
        *(publish((store, other_process)[n % 2], line) for n, line in enumerate(lines)),
        return_exceptions=True,
    )
    assert [type(result) for result in results if result is not None] == [Conflict] * 7


async def test_a_number_moves_to_another_line(store: Store) -> None:
    await publish(store, FIRST)
    heir = LiveLine("heir", "ecforce", "n", ("+815031859080",), "h3", "start: c")
    await publish(store, SECOND, heir)
    async with store.read() as session:
        assert await dialplans.live(session) == [SECOND, heir]


async def test_a_line_that_is_withdrawn_frees_its_numbers_and_keeps_its_versions(store: Store) -> None:
    await publish(store, FIRST)
    async with store.write() as session:
        await dialplans.withdraw(session, "ecforce")
    heir = LiveLine("heir", "ecforce", "n", FIRST.numbers, "h3", "start: c")
    await publish(store, heir)
    async with store.read() as session:
        assert await dialplans.live(session) == [heir]
        assert (await dialplans.version(session, "ecforce", "h1")).source == "start: a"


async def test_what_never_was_is_not_found(store: Store) -> None:
    async with store.write() as session:
        with pytest.raises(NotFound):
            await dialplans.version(session, "ecforce", "h1")
        with pytest.raises(NotFound):
            await dialplans.withdraw(session, "ecforce")


async def test_each_time_a_version_goes_live_is_kept_with_who_and_why(store: Store) -> None:
    async with store.write() as session:
        for version, by, why in ((FIRST, "alice", None), (SECOND, "bob", "年末"), (FIRST, "carol", "戻す")):
            await dialplans.publish(session, version, at=NOON, by=by, why=why)
    async with store.read() as session:
        rows = await dialplans.publications(session, "ecforce")
        assert [(row.hash, row.by, row.why, row.at) for row in rows] == [
            ("h1", "carol", "戻す", NOON),
            ("h2", "bob", "年末", NOON),
            ("h1", "alice", None, NOON),
        ]
        assert [row.by for row in await dialplans.publications(session, "ecforce", 1)] == ["carol"]
        assert await dialplans.live_hash(session, "ecforce") == "h1"
        assert await dialplans.live_hash(session, "nobody") is None


async def test_a_version_is_found_by_the_beginning_of_its_hash(store: Store) -> None:
    await publish(store, FIRST, SECOND)
    async with store.read() as session:
        assert (await dialplans.find_version(session, "ecforce", "h2")).source == "start: b"
        with pytest.raises(Conflict, match='several versions of line "ecforce" begin with "h"'):
            await dialplans.find_version(session, "ecforce", "h")
        for unknown in ("x", "", "%"):
            with pytest.raises(NotFound, match='line "ecforce" never had a dialplan'):
                await dialplans.find_version(session, "ecforce", unknown)


async def test_a_name_is_put_to_what_an_editor_saved_if_it_is_live_yet_and_not_long_ago(store: Store) -> None:
    early, late = NOON, after(7200)
    third = LiveLine("shop", "shop", "店", (), "h3", "start: c")
    async with store.write() as session:
        for version, by, at in ((FIRST, "file", early), (SECOND, "file", late), (third, "alice", late)):
            await dialplans.publish(session, version, at=at, by=by, why="changed on disk")
        await dialplans.sign(session, of="file", since=after(3600), by="bob", why="年末", line=None)
    async with store.read() as session:
        rows = await dialplans.publications(session, "ecforce")
        assert [(row.hash, row.by, row.why) for row in rows] == [
            ("h2", "bob", "年末"),
            ("h1", "file", "changed on disk"),
        ]
        assert [row.by for row in await dialplans.publications(session, "shop")] == ["alice"]
