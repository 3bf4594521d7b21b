"""What is written down about dials, in memory: `written` in its order, and what the store would answer."""

from collections.abc import Collection, Sequence
from datetime import datetime

from ivr.callbacks.results import Result
from ivr.errors import StoreError
from ivr.ringing_back.job import Job


class FakeBook:
    def __init__(self, *jobs: Job) -> None:
        self.jobs = {job.key: job for job in jobs}  # that may be taken, each once
        self.offers = list(jobs)  # free agents, for 今すぐ
        self.left: list[tuple[Job, bool]] = []
        self.written: list[str] = []
        self.refused: str | None = None  # at the instant before the customer rings
        self.reserved = True
        self.ours = True  # the dial, when the customer answers
        self.broken = 0  # writes that fail

    def _write(self, what: str) -> None:
        if self.broken:
            self.broken -= 1
            raise StoreError
        self.written += [what] if what else []

    async def take(self, key: str) -> Job | None:
        self._write("")
        return self.jobs.pop(key, None)

    async def begins(self, ticket: str, request: str, asked_at: datetime, but: Collection[str]) -> Job | None:
        found = next((job for job in self.offers if job.agent not in but), None)
        if found is None:
            self._write("nobody")
        return found

    async def refuse(self, key: str, why: str) -> None:
        self._write(f"refused: {why}")

    async def joined(self, job: Job) -> bool:
        self._write("joined")
        return self.reserved

    async def still(self, job: Job) -> str | None:
        return self.refused

    async def answered(self, job: Job) -> bool:
        self._write("answered")
        return self.ours

    async def missed(self, job: Job, result: Result, why: str) -> None:
        self._write(f"missed: {result} {why}")

    async def not_rung(self, job: Job, why: str, *, unanswered: bool = False, free: bool = False) -> None:
        words = [*(["unanswered"] if unanswered else []), *(["free"] if free else []), why]
        self._write(f"not rung: {' '.join(words)}")

    async def over(self, job: Job) -> None:
        self._write("over")

    async def unfinished(self) -> Sequence[tuple[Job, bool]]:
        return self.left
