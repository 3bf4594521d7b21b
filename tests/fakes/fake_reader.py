"""A reader in memory: by a few words, so that a scenario shows what it reads."""

from ivr.call import Understood
from ivr.transcript import Transcript
from tests.fakes.virtual_time import Life

MATTERS = ("商品", "返品", "注文")
NUMBER = "ゼロ九ゼロ"
READING = 0.01  # seconds


class FakeReader:
    def __init__(self, life: Life | None = None) -> None:
        self._life = life or Life()

    async def understood(self, line: str, transcript: Transcript) -> Understood | None:
        await self._life.takes(READING)
        text = transcript.text
        return Understood(any(matter in text for matter in MATTERS), NUMBER in text)
