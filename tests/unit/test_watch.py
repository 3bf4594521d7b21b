"""Changes of files are noticed once they have come to rest, however an editor writes them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ivr.watch import Watch

SOON = 30.0  # seconds, on a busy machine


class Watched:
    """A directory under watch; `seen` is what stood in the file each time that a change was taken in."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "shop.yaml"
        self.seen: list[str | None] = []
        self.watch = Watch([directory, directory.parent / "prompts"], self._take_in)

    def _take_in(self) -> None:
        self.seen.append(self.file.read_text() if self.file.exists() else None)
        self.watch.taken(self.watch.state())

    async def until(self, true: Callable[[], bool], seconds: float = SOON) -> None:
        async with asyncio.timeout(seconds):
            while not true():  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    directory = tmp_path / "dialplans"
    directory.mkdir()
    made = Watched(directory)
    made.file.write_text("old")
    made.watch.taken(made.watch.state())
    running = asyncio.create_task(made.watch.run())
    # The watch has begun when it reports a change; what was written before, it would find by looking.
    for number in range(10):
        (directory / "other.yaml").write_text(f"try {number}")
        try:
            await made.until(lambda: bool(made.seen), 0.6)
            break
        except TimeoutError:
            continue
    made.seen.clear()
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_file_that_is_written_is_seen(watched: Watched) -> None:
    watched.file.write_text("new")
    await watched.until(lambda: watched.seen == ["new"])


async def test_a_file_that_is_written_bit_by_bit_is_seen_when_it_is_whole(watched: Watched) -> None:
    with watched.file.open("w") as file:
        for piece in ("a", "b", "c", "d"):
            file.write(piece)
            file.flush()
            await asyncio.sleep(0.1)  # a slow editor: never at rest
    await watched.until(lambda: bool(watched.seen))
    assert watched.seen == ["abcd"]


async def test_a_file_that_is_taken_away_and_put_back_was_never_gone(watched: Watched) -> None:
    watched.file.rename(watched.directory / "shop.yaml~")
    await asyncio.sleep(0.1)  # an editor that keeps the old file aside while it writes
    watched.file.write_text("new")
    await watched.until(lambda: bool(watched.seen))
    assert watched.seen == ["new"]


async def test_a_file_that_is_renamed_into_place_is_seen(watched: Watched) -> None:
    (watched.directory / ".shop.yaml.part").write_text("new")
    (watched.directory / ".shop.yaml.part").rename(watched.file)
    await watched.until(lambda: watched.seen == ["new"])


async def test_several_files_are_one_change(watched: Watched) -> None:
    (watched.directory / "shared").mkdir()
    for name in ("shared/japan.yaml", "readings.yaml", "shop.yaml"):
        (watched.directory / name).write_text("new")
    await watched.until(lambda: bool(watched.seen))
    assert watched.seen == ["new"]


async def test_what_an_order_has_taken_in_is_no_change(watched: Watched) -> None:
    watched.file.write_text("by order")
    watched.watch.taken(watched.watch.state())
    (watched.directory / "other.yaml").write_text("by hand")
    await watched.until(lambda: bool(watched.seen))
    assert watched.seen == ["by order"]


async def test_a_directory_that_is_replaced_as_a_whole_is_seen(watched: Watched) -> None:
    new = watched.directory.with_name("new")
    new.mkdir()
    (new / "shop.yaml").write_text("deployed")
    watched.directory.rename(watched.directory.with_name("old"))
    new.rename(watched.directory)
    await watched.until(lambda: watched.seen == ["deployed"])  # found by looking, every 10 s


async def test_files_of_editors_are_no_change(watched: Watched) -> None:
    for name in ("shop.yaml~", ".shop.yaml.swp", "4913", "#shop.yaml#", "notes.txt"):
        (watched.directory / name).write_text("x")
    watched.file.write_text("new")
    await watched.until(lambda: bool(watched.seen))
    assert watched.seen == ["new"]
