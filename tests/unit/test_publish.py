"""Publishing: a line changes as a whole or stays on its last good version, and nobody waits for the voice."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.dialplan.model import Dialplan
from ivr.errors import DialplanError
from ivr.prompts.library import PromptLibrary
from ivr.publish import Publisher
from ivr.steps import STEPS
from ivr.store import dialplans as shelf
from ivr.store import orders
from ivr.store.database import Store
from ivr.store.migrate import migrate
from tests.dialplans import SHOP, changed
from tests.fakes.fake_prompts import FakePrompts

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # Tuesday 11:00 in Tokyo
OTHER = changed("050-3185-9080", "03-3581-4111")


class Desk:
    """A publisher with a store of its own, and all that came out of it."""

    def __init__(self, directory: Path, store: Store) -> None:
        self.directory = directory
        self.store = store
        self.prompts = FakePrompts()
        self.bundles: list[list[str]] = []
        self.progress: list[str] = []
        self.woken = 0
        self.bundle_fails = False
        self.voice = ThreadPoolExecutor(1, thread_name_prefix="voice")
        self.publisher = Publisher(
            directory=directory,
            step_types=STEPS,
            store=store,
            prompts=self.prompts,
            voice=self.voice,
            write_bundle=self._write_bundle,
            wake=self._wake,
            progress=self.progress.append,
        )

    def _wake(self) -> None:
        self.woken += 1

    async def _write_bundle(self, dialplans: Sequence[Dialplan]) -> None:
        if self.bundle_fails:
            raise OSError(28, "No space left on device")
        self.bundles.append([dialplan.key for dialplan in dialplans])

    def write(self, key: str, text: str) -> None:
        (self.directory / f"{key}.yaml").write_text(text, "utf-8")

    async def numbers(self) -> dict[str, tuple[str, ...]]:
        """What callers reach: line -> its numbers."""
        async with self.store.read() as session:
            return {line.key: line.numbers for line in await shelf.live(session)}

    async def capacities(self) -> dict[str, str]:
        """Of the live versions, as they are written."""
        async with self.store.read() as session:
            return {
                line.key: line.source.split("capacity: ")[1].split("\n")[0]
                for line in await shelf.live(session)
            }

    async def reloads(self) -> int:
        async with self.store.read() as session:
            return len([order for order in await orders.pending(session, "engine") if order.kind == "reload"])


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "ivr.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
async def desk(tmp_path: Path, template: Path) -> AsyncIterator[Desk]:
    directory = tmp_path / "dialplans"
    directory.mkdir()
    shutil.copy(template, tmp_path / "ivr.db")
    store = await Store.open(f"sqlite:///{tmp_path / 'ivr.db'}")
    made = Desk(directory, store)
    yield made
    made.voice.shutdown()
    await store.close()


async def test_lines_go_live_with_their_prompts_their_bundle_and_an_order(desk: Desk) -> None:
    desk.write("shop", SHOP)
    desk.write("other", OTHER)
    published = await desk.publisher.publish(NOW, "tanaka")
    assert (published.live, published.kept, published.withdrawn) == (("other", "shop"), (), ())
    assert published.problems == ()
    assert await desk.numbers() == {"other": ("+81335814111",), "shop": ("+815031859080",)}
    assert desk.bundles == [["other", "shop"]]
    assert (await desk.reloads(), desk.woken) == (1, 1)
    assert "お問い合わせは、シャープと1を押してください。" in desk.prompts.made
    told = (1, 3, 6, 8, 11, 13, 16, 19, 21, 24, 26)
    assert desk.progress == [f"prompts {number}/26" for number in told], "of many, each tenth"


async def test_the_closed_greetings_of_fourteen_days_are_spoken(desk: Desk) -> None:
    desk.write("shop", SHOP)
    await desk.publisher.publish(NOW, "tanaka")
    # 2026-12-07 is the 14th day, a Monday; on it the line says the Tuesday when it has closed.
    last = "本日の受付は終了いたしました。次の営業は、12月8日、火曜日の、午前10時からでございます。"
    assert last in desk.prompts.made
    later = "本日の受付は終了いたしました。次の営業は、12月11日、金曜日の、午前10時からでございます。"
    assert later not in desk.prompts.made


async def test_only_the_voices_own_thread_speaks_and_the_loop_stays_alive(desk: Desk) -> None:
    desk.write("shop", SHOP)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    await desk.publisher.publish(NOW, "tanaka")
    ticking.cancel()
    assert desk.prompts.threads == {"voice_0"}
    assert ticks > len(desk.prompts.made)


async def test_publishing_again_changes_nothing_but_writes_the_bundle(desk: Desk) -> None:
    desk.write("shop", SHOP)
    await desk.publisher.publish(NOW, "tanaka")
    made = len(desk.prompts.made)
    published = await desk.publisher.publish(NOW, "tanaka")
    assert (published.live, published.kept, published.withdrawn) == ((), (), ())
    assert await desk.reloads() == 1
    assert len(desk.prompts.made) == made
    assert desk.bundles == [["shop"], ["shop"]]


async def test_a_line_that_fails_keeps_its_last_good_version_and_others_go_live(desk: Desk) -> None:
    desk.write("shop", SHOP)
    desk.write("other", OTHER)
    await desk.publisher.publish(NOW, "tanaka")
    desk.write("shop", changed("capacity: 2", "capcity: 3"))
    desk.write("other", changed("capacity: 2", "capacity: 7", OTHER))
    desk.write("new", "")
    published = await desk.publisher.publish(NOW, "tanaka")
    assert (published.live, published.kept, published.withdrawn) == (("other",), ("shop",), ())
    assert [str(problem) for problem in published.problems] == [
        "dialplans/new.yaml:1:1: the file is empty",
        'dialplans/shop.yaml:5:3: line: unknown key "capcity"; did you mean "capacity"?',
    ]
    assert await desk.capacities() == {"other": "7", "shop": "2"}
    assert desk.bundles[-1] == ["other", "shop"]


async def test_a_warning_stops_nothing(desk: Desk) -> None:
    desk.write("shop", changed('{"#1": agents}', '{"1": agents, "12": agents}'))
    published = await desk.publisher.publish(NOW, "tanaka")
    assert published.live == ("shop",)
    assert [problem.severity for problem in published.problems] == ["warning"]


async def test_a_text_that_cannot_be_spoken_keeps_the_line_on_its_last_good_version(desk: Desk) -> None:
    desk.write("shop", SHOP)
    await desk.publisher.publish(NOW, "tanaka")
    desk.prompts.unspeakable = {"……"}
    desk.write("shop", changed("お電話ありがとうございました。", "……", changed("capacity: 2", "capacity: 9")))
    published = await desk.publisher.publish(NOW, "tanaka")
    assert (published.live, published.kept) == ((), ("shop",))
    assert [str(problem) for problem in published.problems] == [
        'dialplans/shop.yaml:34:10: play "thanks": say: a prompt without anything that can be read aloud'
    ]
    assert await desk.capacities() == {"shop": "2"}


async def test_a_text_that_only_the_voice_itself_refuses_keeps_the_line_too(desk: Desk) -> None:
    desk.write("shop", SHOP)
    await desk.publisher.publish(NOW, "tanaka")
    desk.prompts.mute = {"お電話、ありがとう。"}
    desk.write("shop", changed("お電話ありがとうございました。", "お電話、ありがとう。"))
    published = await desk.publisher.publish(NOW, "tanaka")
    assert (published.live, published.kept, published.refused) == ((), ("shop",), ("shop",))
    assert [str(problem) for problem in published.problems] == [
        'dialplans/shop.yaml:34:10: play "thanks": say: a prompt without anything that can be read aloud'
    ]


async def test_who_published_and_why_is_kept_each_time(desk: Desk) -> None:
    desk.write("shop", SHOP)
    await desk.publisher.publish(NOW, "tanaka", "開始")
    desk.write("shop", changed("capacity: 2", "capacity: 9"))
    await desk.publisher.publish(NOW, "suzuki", "増席")
    desk.write("shop", SHOP)
    await desk.publisher.publish(NOW, "tanaka", "戻す")
    await desk.publisher.publish(NOW, "nobody", "nothing new")
    async with desk.store.read() as session:
        rows = await shelf.publications(session, "shop")
    assert [(row.by, row.why) for row in rows] == [("tanaka", "戻す"), ("suzuki", "増席"), ("tanaka", "開始")]
    assert rows[0].hash == rows[2].hash != rows[1].hash


async def test_a_file_that_an_editor_replaces_is_not_taken_for_gone(desk: Desk) -> None:
    desk.write("shop", SHOP)
    desk.write("other", OTHER)
    await desk.publisher.publish(NOW, "tanaka")
    (desk.directory / "shop.yaml").rename(desk.directory / "shop.yaml~")
    publishing = asyncio.create_task(desk.publisher.publish(NOW, "tanaka"))
    asyncio.get_running_loop().call_later(
        0.3, (desk.directory / "shop.yaml~").rename, desk.directory / "shop.yaml"
    )
    assert (await publishing).withdrawn == ()
    assert set(await desk.numbers()) == {"other", "shop"}


async def test_other_readings_have_what_is_live_spoken_anew(desk: Desk) -> None:
    desk.write("shop", SHOP)
    await desk.publisher.publish(NOW, "tanaka")
    desk.prompts.made.clear()
    (desk.directory / "readings.yaml").write_text("電話: でんわ\n", "utf-8")
    published = await desk.publisher.publish(NOW, "tanaka")
    assert published.problems == ()
    assert published.live == ()  # its words are the same
    assert "おでんわありがとうございました。" in desk.prompts.made
    assert desk.prompts.kept == [{"電話": "でんわ"}]
    assert await desk.reloads() == 2


async def test_a_live_line_whose_file_is_broken_is_spoken_anew_too(desk: Desk) -> None:
    desk.write("shop", SHOP)
    desk.write("other", OTHER)
    await desk.publisher.publish(NOW, "tanaka")
    desk.write("shop", "start: [")
    desk.write("other", OTHER.replace("電話", "連絡"))
    desk.prompts.made.clear()
    (desk.directory / "readings.yaml").write_text("電話: でんわ\n", "utf-8")
    await desk.publisher.publish(NOW, "tanaka")
    assert "おでんわありがとうございました。" in desk.prompts.made


async def test_wrong_readings_leave_the_last_good_ones_and_hold_no_line_up(desk: Desk) -> None:
    desk.write("shop", SHOP)
    (desk.directory / "readings.yaml").write_text("電話: でんわ\n", "utf-8")
    await desk.publisher.publish(NOW, "tanaka")
    (desk.directory / "readings.yaml").write_text("電話: 電話\n", "utf-8")
    desk.write("shop", changed("capacity: 2", "capacity: 9"))
    published = await desk.publisher.publish(NOW, "tanaka")
    assert published.live == ("shop",)
    assert [str(problem) for problem in published.problems] == [
        'dialplans/readings.yaml:1:5: "電話" is no reading; write it in kana alone, like タカハシ'
    ]
    assert desk.publisher.prompts.readings == {"電話": "でんわ"}
    assert desk.prompts.kept == [{"電話": "でんわ"}]


async def test_readings_that_are_taken_away_are_gone(desk: Desk) -> None:
    desk.write("shop", SHOP)
    (desk.directory / "readings.yaml").write_text("電話: でんわ\n", "utf-8")
    await desk.publisher.publish(NOW, "tanaka")
    (desk.directory / "readings.yaml").unlink()
    await desk.publisher.publish(NOW, "tanaka")
    assert desk.prompts.kept == [{"電話": "でんわ"}, {}]


async def test_a_line_whose_file_is_gone_is_withdrawn_with_its_numbers(desk: Desk) -> None:
    desk.write("shop", SHOP)
    desk.write("other", OTHER)
    await desk.publisher.publish(NOW, "tanaka")
    (desk.directory / "shop.yaml").unlink()
    published = await desk.publisher.publish(NOW, "tanaka")
    assert (published.live, published.withdrawn) == ((), ("shop",))
    assert await desk.numbers() == {"other": ("+81335814111",)}
    assert (await desk.reloads(), desk.bundles[-1]) == (2, ["other"])


async def test_a_directory_without_dialplans_takes_no_line_away(desk: Desk) -> None:
    desk.write("shop", SHOP)
    await desk.publisher.publish(NOW, "tanaka")
    (desk.directory / "shop.yaml").unlink()
    with pytest.raises(DialplanError, match="there is no dialplan"):
        await desk.publisher.publish(NOW, "tanaka")
    assert await desk.numbers() == {"shop": ("+815031859080",)}


async def test_a_number_moves_from_line_to_line_in_one_go(desk: Desk) -> None:
    desk.write("shop", SHOP)
    desk.write("other", OTHER)
    await desk.publisher.publish(NOW, "tanaka")
    desk.write("shop", OTHER)
    desk.write("other", SHOP)
    published = await desk.publisher.publish(NOW, "tanaka")
    assert published.problems == ()
    assert await desk.numbers() == {"other": ("+815031859080",), "shop": ("+81335814111",)}


async def test_two_dialplans_that_claim_a_number_both_stay_as_they_were(desk: Desk) -> None:
    desk.write("shop", SHOP)
    await desk.publisher.publish(NOW, "tanaka")
    desk.write("thief", SHOP)
    published = await desk.publisher.publish(NOW, "tanaka")
    assert (published.live, published.kept) == ((), ("shop",))
    assert len(published.problems) == 2
    assert await desk.numbers() == {"shop": ("+815031859080",)}


async def test_a_line_that_stays_on_its_last_good_version_holds_its_number(desk: Desk) -> None:
    """`shop` gives its number away in a file that fails, so nobody may take it yet; nor the next in turn."""
    third = changed("050-3185-9080", "06-6941-0351")
    desk.write("shop", SHOP)
    desk.write("other", OTHER)
    desk.write("third", third)
    await desk.publisher.publish(NOW, "tanaka")
    desk.write("shop", changed("capacity: 2", "capacity: no", third))
    desk.write("other", SHOP)
    desk.write("third", OTHER)
    published = await desk.publisher.publish(NOW, "tanaka")
    assert (published.live, published.kept) == ((), ("other", "shop", "third"))
    assert [str(problem) for problem in published.problems[1:]] == [
        'dialplans/other.yaml:4:13: line: numbers: "050-3185-9080" belongs to the line "shop" too; '
        "a number leads to one line",
        'dialplans/third.yaml:4:13: line: numbers: "03-3581-4111" belongs to the line "other" too; '
        "a number leads to one line",
    ]
    assert await desk.numbers() == {
        "other": ("+81335814111",),
        "shop": ("+815031859080",),
        "third": ("+81669410351",),
    }


async def test_midnight_brings_the_next_greetings_even_to_a_line_whose_file_is_broken(desk: Desk) -> None:
    desk.write("shop", SHOP)
    await desk.publisher.publish(NOW, "tanaka")
    desk.write("shop", "")
    await desk.publisher.refresh(datetime(2026, 12, 10, 15, 0, tzinfo=UTC))
    greeting = "本日の受付は終了いたしました。次の営業は、12月18日、金曜日の、午前10時からでございます。"
    assert greeting in desk.prompts.made
    assert desk.bundles == [["shop"], ["shop"]]
    assert await desk.reloads() == 1


async def test_a_bundle_that_cannot_be_written_is_heard_of_and_made_up_for(desk: Desk) -> None:
    desk.write("shop", SHOP)
    desk.bundle_fails = True
    with pytest.raises(OSError, match="No space left"):
        await desk.publisher.publish(NOW, "tanaka")
    assert (await desk.reloads(), desk.woken) == (1, 1)
    desk.bundle_fails = False
    await desk.publisher.publish(NOW, "tanaka")
    assert desk.bundles == [["shop"]]


@pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning")
async def test_the_real_voice_has_every_prompt_ready(desk: Desk, tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path / "cache", None)
    desk.publisher.prompts = library
    desk.write("shop", changed("{closed_greeting}", ""))
    published = await desk.publisher.publish(NOW, "tanaka")
    assert published.live == ("shop",)
    assert desk.progress
    assert library.path("お問い合わせは、シャープと1を押してください。") is not None


async def test_what_the_real_voice_cannot_say_is_refused(desk: Desk, tmp_path: Path) -> None:
    desk.publisher.prompts = PromptLibrary(tmp_path / "cache", None)
    desk.write(
        "shop", changed("お電話ありがとうございました。", "file:nothing", changed("{closed_greeting}", ""))
    )
    published = await desk.publisher.publish(NOW, "tanaka")
    assert published.live == ()
    assert [(problem.line, problem.where) for problem in published.problems] == [(34, 'play "thanks"')]


async def test_two_publishers_take_turns(desk: Desk) -> None:
    desk.write("shop", SHOP)
    published = await asyncio.gather(
        desk.publisher.publish(NOW, "tanaka"), desk.publisher.publish(NOW, "suzuki")
    )
    assert [one.live for one in published] == [("shop",), ()]
    assert len(desk.prompts.made) == len(set(desk.prompts.made))
