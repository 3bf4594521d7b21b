"""What a caller has said, read while the caller is still there."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ivr.call import Understood
from ivr.dialplan.reading import ReadingRules
from ivr.messages.reading import read_message
from ivr.transcript import Transcript, Word

log = logging.getLogger("ivr.messages")

PATIENCE = 0.5  # seconds that a caller waits in silence; the reading takes a few milliseconds


def understood(transcript: Transcript, rules: ReadingRules) -> Understood:
    """Blocks, the first time for 0.1 s: the dictionary is loaded."""
    found = read_message(transcript.words, rules, caller=None)
    return Understood(found.matter, any(one.kind == "number" for one in found.suggestions))


class ThreadReader:
    """Implements `ivr.call.Reader`. Make it before callers are served: loading holds up the whole process for 90 ms."""

    def __init__(self, rules: Callable[[str], ReadingRules]) -> None:
        """`rules` of a line by its key."""
        self._rules = rules
        self._thread = ThreadPoolExecutor(1, "reader")
        understood(Transcript("", "", False, 8000, 1.0, (Word("もしもし", 0.0, 1.0, 1.0),)), ReadingRules())

    async def understood(self, line: str, transcript: Transcript) -> Understood | None:
        work = asyncio.get_running_loop().run_in_executor(
            self._thread, understood, transcript, self._rules(line)
        )
        try:
            return await asyncio.wait_for(work, PATIENCE)
        except TimeoutError:
            log.warning("a message was not read in time", extra={"line": line})
        except Exception as error:
            # Not the error's text: it may hold what the caller said.
            log.error("a message could not be read", extra={"line": line, "reason": type(error).__name__})
        return None

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
