"""What steps for staff have in common: the PIN, and questions that are asked again."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta

from ivr.call import Call
from ivr.keys import KeyTable
from ivr.staff import Unlocked
from ivr.steps.menu import NOTHING, WRONG

WRONG_PIN = "暗証番号が違います。"
LOCKED = (
    "暗証番号の間違いが続いたため、ただいまはお使いになれません。15分以上たってから、おかけ直しください。"
)
SAYS = (WRONG_PIN, LOCKED, WRONG, NOTHING)
LONGEST_PIN = 8
BETWEEN = 4.0  # seconds without a further digit, which end an entry


async def admitted(
    call: Call,
    question: str,
    unlock: Callable[[str], Awaitable[Unlocked]],
    *,
    unavailable: str,
    tries: int,
    wait: timedelta,
) -> bool:
    """Whether a right PIN was typed within `tries`; who has none hears why. It is never saved.

    `unavailable` is said when no PIN opens this step. StoreError.
    """
    call.keys.empty()  # what was typed ahead was not meant for a question of this kind
    excuse: list[str] = []
    for _ in range(tries):
        await call.play(*excuse, question)
        pin = await digits(call, LONGEST_PIN, wait)
        if not pin:
            excuse = [NOTHING]
            continue
        match await unlock(pin):
            case "right":
                return True
            case "wrong":
                call.keys.empty()
                excuse = [WRONG_PIN]
            case "locked":
                await call.play(LOCKED, whole=True)
                return False
            case "unavailable":
                await call.play(unavailable, whole=True)
                return False
    return False


async def digits(call: Call, longest: int, wait: timedelta) -> str:
    """Empty if there are none, or other keys among them."""
    first = wait.total_seconds()
    return (await call.read_digits(longest, end_key="#", first=first, between=BETWEEN)).digits


async def chosen(
    call: Call, question: Sequence[str], keys: Iterable[str], *, tries: int, wait: timedelta
) -> str | None:
    """None when none of `keys` was pressed, however often it was asked."""
    excuse: list[str] = []
    table = KeyTable(tuple(keys))
    for _ in range(tries):
        await call.play(*excuse, *question)
        read = await call.read_keys(table, first=wait.total_seconds())
        if read.key is not None:
            return read.key
        excuse = [WRONG if read.ended_by == "invalid" else NOTHING]
    return None
