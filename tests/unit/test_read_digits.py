"""Reading several digits and playing a text whole: on AriCall and on FakeCall alike."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.asterisk.caller import AriCall
from ivr.call import Call, Caller, CallerHungUp, CallState
from ivr.keys import DigitsRead
from tests.fakes.fake_ari import SOUNDS, FakeAri
from tests.fakes.fake_call import FakeCall
from tests.fakes.virtual_time import in_virtual_time
from tests.fakes.world import Telephone, World

GAP = 0.5  # seconds between two keys


def ari_call() -> tuple[Call, Callable[[str], None], Callable[[], None]]:
    ari = FakeAri()
    ari.channels.add("c1")
    call = AriCall(ari, "c1", Caller(None), "050", CallState("c1", "x", ""), SOUNDS, Path("/recordings"))  # type: ignore[arg-type]
    return (
        call,
        lambda key: call.on_event({"type": "ChannelDtmfReceived", "digit": key}),
        lambda: ari.leaves("c1"),
    )


def fake_call() -> tuple[Call, Callable[[str], None], Callable[[], None]]:
    telephone = Telephone([])
    call = FakeCall(World(), telephone, CallState("c1", "x", ""))
    return call, telephone.press, telephone.hang_up


async def press(keys: str, push: Callable[[str], None]) -> None:
    """One each GAP; "." is a pause."""
    for key in keys:
        await asyncio.sleep(GAP)
        if key != ".":
            push(key)


@pytest.mark.parametrize("make", [ari_call, fake_call])
@pytest.mark.parametrize(
    ("keys", "read", "left", "seconds"),
    [
        ("12#", DigitsRead("complete", "12"), "", 1.5),
        ("1234", DigitsRead("complete", "1234"), "", 3.0),  # a second for the "#" that people add
        ("1234#", DigitsRead("complete", "1234"), "", 2.5),
        ("12345", DigitsRead("complete", "1234"), "5", 2.5),
        ("12", DigitsRead("complete", "12"), "", 5.0),
        ("1.......2#", DigitsRead("complete", "1"), "", 4.5),
        ("......12#", DigitsRead("complete", "12"), "", 4.5),
        ("", DigitsRead("timeout"), "", 6.0),
        ("............1", DigitsRead("timeout"), "", 6.0),
        ("12*4", DigitsRead("invalid"), "", 1.5),
        ("#", DigitsRead("complete", ""), "", 0.5),
    ],
)
def test_an_entry(
    make: Callable[[], tuple[Call, Callable[[str], None], Callable[[], None]]],
    keys: str,
    read: DigitsRead,
    left: str,
    seconds: float,
) -> None:
    @in_virtual_time
    async def run() -> None:
        call, push, _ = make()
        pressing = asyncio.create_task(press(keys, push))
        found = await call.read_digits(4, end_key="#", first=6.0, between=4.0)
        assert (found, str(call.keys)) == (read, left)
        assert asyncio.get_running_loop().time() == pytest.approx(seconds, abs=0.01)
        keys_of = call.keys
        assert keys_of.received == keys_of.used + keys_of.emptied + len(keys_of)
        pressing.cancel()

    run()


@pytest.mark.parametrize("make", [ari_call, fake_call])
def test_hanging_up_in_the_middle(
    make: Callable[[], tuple[Call, Callable[[str], None], Callable[[], None]]],
) -> None:
    @in_virtual_time
    async def run() -> None:
        call, push, leave = make()
        pressing = asyncio.create_task(press("12", push))
        asyncio.get_running_loop().call_later(1.2, leave)
        with pytest.raises(CallerHungUp):
            await call.read_digits(4, end_key="#", first=6.0, between=4.0)
        await pressing

    run()


def test_what_is_read_is_not_shown() -> None:
    assert "4821" not in repr(DigitsRead("complete", "4821"))
    state = CallState("c1", "x", "", digits={"a": "4821"}, secrets={"b": "9753"})
    assert "4821" not in repr(state) and "9753" not in repr(state)
    assert "9753" not in str(state.as_json())


@pytest.mark.parametrize(("whole", "seconds", "ended_by"), [(True, 1.0, "end"), (False, 0.5, "key")])
def test_a_text_that_is_played_whole(whole: bool, seconds: float, ended_by: str) -> None:
    @in_virtual_time
    async def run() -> None:
        for call, push, _ in (ari_call(), fake_call()):
            begun = asyncio.get_running_loop().time()
            pressing = asyncio.create_task(press("1", push))
            played = await call.play("あ" * 12, whole=whole)  # a second, as every sound of the fake Asterisk
            assert played.ended_by == ended_by
            assert asyncio.get_running_loop().time() - begun == pytest.approx(seconds, abs=0.05)
            await pressing
            assert str(call.keys) == "1"
            again = asyncio.get_running_loop().time()
            await call.play("あ" * 12, whole=True)  # with a key in the buffer, too
            assert asyncio.get_running_loop().time() - again == pytest.approx(1.0, abs=0.05)

    run()
