"""Recordings spread over several transcribers: which one is asked, and what becomes of those that fail."""

import asyncio
from pathlib import Path

import pytest

from ivr.errors import SettingsError
from ivr.guard import commands
from ivr.messages.transcriber import Transcribers, TranscriptionFailed
from ivr.settings import load
from ivr.transcript import Transcript
from tests.fakes.virtual_time import in_virtual_time

PATH = Path("/recordings/message.wav")


class Scripted:
    """Answers with its name, or fails with `fails`; waits for `gate` first."""

    def __init__(self, name: str, fails: str | None = None) -> None:
        self.name, self.fails = name, fails
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = 0

    async def transcribe(self, path: Path, model: str | None = None) -> Transcript:
        self.asked += 1
        await self.gate.wait()
        if self.fails is not None:
            retryable = self.fails not in ("not_found", "forbidden_path", "not_audio", "empty_audio")
            raise TranscriptionFailed(self.fails, "scripted", retryable=retryable)
        return Transcript(self.name, self.name, True, 8000, 1.0, ())


async def answers(several: Transcribers) -> str:
    return (await several.transcribe(PATH)).text


@in_virtual_time
async def test_the_one_with_the_least_of_ours_is_asked() -> None:
    a, b = Scripted("a"), Scripted("b")
    several = Transcribers([a, b])
    a.gate.clear()
    b.gate.clear()
    asking = [asyncio.create_task(answers(several)) for _ in range(4)]
    await asyncio.sleep(0)
    assert (a.asked, b.asked) == (2, 2)
    b.gate.set()
    done, _ = await asyncio.wait(asking, timeout=1)
    assert [task.result() for task in done] == ["b", "b"]
    assert [await answers(several) for _ in range(3)] == ["b", "b", "b"], "a still has two"
    a.gate.set()
    await asyncio.wait(asking)


@in_virtual_time
async def test_idle_ones_take_turns() -> None:
    several = Transcribers([Scripted("a"), Scripted("b"), Scripted("c")])
    assert [await answers(several) for _ in range(6)] == ["a", "b", "c", "a", "b", "c"]


@in_virtual_time
async def test_one_that_is_not_there_costs_nothing_for_five_seconds_and_is_then_asked_again() -> None:
    a, b = Scripted("a", "unreachable"), Scripted("b")
    several = Transcribers([a, b])
    assert [await answers(several) for _ in range(5)] == ["b"] * 5
    assert a.asked == 1
    a.fails = None
    await asyncio.sleep(4.9)
    assert (await answers(several), a.asked) == ("b", 1)
    await asyncio.sleep(0.2)
    assert (await answers(several), a.asked) == ("a", 2)


@in_virtual_time
async def test_when_all_rest_they_are_asked_all_the_same() -> None:
    a, b = Scripted("a", "unreachable"), Scripted("b", "unreachable")
    several = Transcribers([a, b])
    for asked in (1, 2):
        with pytest.raises(TranscriptionFailed) as caught:
            await answers(several)
        assert (caught.value.code, a.asked, b.asked) == ("unreachable", asked, asked)
    b.fails = None
    assert await answers(several) == "b"


@pytest.mark.parametrize(
    "fails",
    [
        "busy",
        "stopping",
        "no_model",
        "broken_model",
        "unreadable",
        "unauthorized",
        "not_found",
        "forbidden_path",
    ],
)
@in_virtual_time
async def test_what_says_more_of_the_transcriber_is_asked_of_another(fails: str) -> None:
    assert await answers(Transcribers([Scripted("a", fails), Scripted("b")])) == "b"


@pytest.mark.parametrize("fails", ["died", "timeout", "internal", "bad_answer", "not_audio", "empty_audio"])
@in_virtual_time
async def test_what_may_be_the_recordings_fault_is_not_tried_on_the_next_one_at_once(fails: str) -> None:
    a, b = Scripted("a", fails), Scripted("b")
    several = Transcribers([a, b])
    with pytest.raises(TranscriptionFailed) as caught:
        await answers(several)
    assert (caught.value.code, b.asked) == (fails, 0)
    assert await answers(several) == "b", "the next attempt goes to the other"


@pytest.mark.parametrize(
    ("first", "second", "told", "retryable"),
    [
        ("not_found", "unreachable", "unreachable", True),
        ("unreachable", "no_model", "no_model", True),
        ("no_model", "busy", "busy", True),
        ("not_found", "forbidden_path", "forbidden_path", False),
        ("unauthorized", "not_found", "unauthorized", True),
    ],
)
@in_virtual_time
async def test_of_several_failures_the_one_is_told_that_may_pass(
    first: str, second: str, told: str, retryable: bool
) -> None:
    with pytest.raises(TranscriptionFailed) as caught:
        await answers(Transcribers([Scripted("a", first), Scripted("b", second)]))
    assert (caught.value.code, caught.value.retryable) == (told, retryable)


@in_virtual_time
async def test_who_gives_up_waiting_leaves_no_place_taken() -> None:
    a, b = Scripted("a"), Scripted("b")
    several = Transcribers([a, b])
    a.gate.clear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await answers(several)
    a.gate.set()
    assert [await answers(several) for _ in range(3)] == ["b", "a", "b"]


# -- settings, and who starts them -------------------------------------------------------


def test_several_addresses_and_those_on_loopback_are_started_here(tmp_path: Path) -> None:
    several = "127.0.0.1:8090, 10.0.0.2:8090,127.0.0.1:8091,transcriber:8090"
    made = commands(
        load(
            {"IVR_DATA": str(tmp_path), "IVR_TRANSCRIBER": several, "IVR_TRANSCRIBER_KEY": "0123456789abcdef"}
        )
    )
    assert list(made) == ["jobs", "transcriber", "transcriber-2", "web", "engine"]
    listen = [made[name][made[name].index("--listen") + 1] for name in ("transcriber", "transcriber-2")]
    assert listen == ["127.0.0.1:8090", "127.0.0.1:8091"]
    assert made["transcriber"][made["transcriber"].index("--models") + 1] == str(tmp_path / "models")
    assert not [word for words in made.values() for word in words if "0123456789abcdef" in word]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"IVR_TRANSCRIBER": "10.0.0.2:8090"}, "IVR_TRANSCRIBER_KEY: it is needed"),
        ({"IVR_TRANSCRIBER": "transcriber:8090"}, "IVR_TRANSCRIBER_KEY: it is needed"),
        ({"IVR_TRANSCRIBER": "127.0.0.1:8090,"}, "IVR_TRANSCRIBER: "),
        ({"IVR_TRANSCRIBER": "8090"}, "IVR_TRANSCRIBER: "),
        ({"IVR_TRANSCRIBER_KEY": "short"}, "too short"),
    ],
)
def test_a_wrong_setting_is_named(given: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        load(given)


def test_loopback_needs_no_key_and_the_key_is_not_shown() -> None:
    assert [str(at) for at in load({}).transcriber] == ["127.0.0.1:8090"]
    assert len(load({"IVR_TRANSCRIBER": "localhost:1,[::1]:2"}).transcriber) == 2
    assert "0123456789abcdef" not in repr(load({"IVR_TRANSCRIBER_KEY": "0123456789abcdef"}))
