"""What stands around the engine in virtual time and outlives it: telephones, recordings, bridges.

The caller and the agents follow a script. Asterisk's part is here too: a prompt, a recording or a talk that
has begun goes on when the engine dies.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CHARACTER = 0.08  # seconds to say one; quicker than people speak, and as good
BEEP = "(beep)"
RECORDING = "(recording)"  # is heard where one is played
BEEP_SECONDS = 0.5


def length(text: str) -> float:
    return BEEP_SECONDS if text == BEEP else len(text) * CHARACTER


@dataclass(frozen=True)
class Do:
    """One thing the caller does, `after` seconds from a moment; the parts happen in the order of the fields.

    Moments: "answer", "talk" (bridged), or a text (BEEP too), from its end or with `during` from its
    beginning. The n-th time a moment comes, the n-th Do for it is done, at last always the last one.

    `say`: seconds. `words` are what is said, into a recording or as an answer, with spaces between words;
    they take as long as they are if `say` says nothing else. A recording has a text only where words are known.
    """

    moment: str
    after: float = 0.0
    during: bool = False
    say: float = 0.0
    words: str = ""
    press: str = ""
    gap: float = 0.2  # seconds between two keys
    hang_up: bool = False


@dataclass
class Heard:
    text: str
    at: float
    seconds: float = 0.0
    whole: bool = False


class Playback:
    """Texts said one after the other into one telephone."""

    def __init__(self, telephone: "Telephone", texts: Sequence[str], changed: Callable[[], None]) -> None:
        self.ended = False
        self.over = asyncio.Event()  # ended or stopped
        self._telephone = telephone
        self._changed = changed
        self._task = asyncio.create_task(self._run(texts))

    async def _run(self, texts: Sequence[str]) -> None:
        loop = asyncio.get_running_loop()
        for text in texts:
            heard = Heard(text, loop.time())
            self._telephone.heard.append(heard)
            self._telephone.happens(text, during=heard)
            try:
                await asyncio.sleep(length(text))
            finally:
                heard.seconds = loop.time() - heard.at
            heard.whole = True
            self._telephone.happens(text)
        self.ended = True
        self.over.set()
        self._changed()

    def stop(self) -> None:
        self._task.cancel()
        self.over.set()


class Recording:
    """Ends by itself, as Asterisk's do: `end_key`, silence, the limit, hang-up."""

    def __init__(self, longest: float, silence: float, end_key: str, *, fails: bool) -> None:
        self.ended_by: str | None = None
        self.spoken = 0.0  # seconds
        self.words: list[str] = []  # as far as they are known
        self.seconds = 0.0  # of audio, once it ended
        self.changed: Callable[[], None] = lambda: None
        self.end_key = end_key
        self._silence = silence
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._speaking_since: float | None = None
        self._limit = self._loop.call_later(longest, self.end, "limit")
        self._quiet = self._loop.call_later(silence, self.end, "silence")
        if fails:
            self._loop.call_soon(self.end, "failed")

    def speaks(self, begins: bool) -> None:
        now = self._loop.time()
        self._quiet.cancel()
        if self.ended_by is not None:
            return
        if begins:
            self._speaking_since = now
            return
        if self._speaking_since is not None:
            self.spoken += now - self._speaking_since
        self._speaking_since = None
        self._quiet = self._loop.call_later(self._silence, self.end, "silence")

    def end(self, by: str) -> None:
        if self.ended_by is not None:
            return
        if self._speaking_since is not None:
            self.spoken += self._loop.time() - self._speaking_since
        self.ended_by = by
        self.seconds = 0.0 if by == "failed" else self._loop.time() - self._begun
        self._limit.cancel()
        self._quiet.cancel()
        self.changed()


@dataclass
class AgentTelephone:
    """`answers`: seconds of ringing for each ring in turn, the last again and again; None never answers.

    `talks`: seconds until the agent hangs up; None leaves that to the caller. `broken`: "unregistered" or
    "busy" telephones do not ring.
    """

    name: str
    answers: Sequence[float | None] = (None,)
    talks: float | None = None
    broken: str | None = None
    leg: "Leg | None" = None  # rings or talks now
    rings: list[tuple[float, str]] = field(default_factory=list)  # time, call id
    told_taken: int = 0
    heard: list[str] = field(default_factory=list)  # said to both in a talk


class Leg:
    """One ring of an agent's telephone, and the talk that it may become."""

    def __init__(
        self, telephone: AgentTelephone, call_id: str, seconds: float, changed: Callable[[], None]
    ) -> None:
        self.agent = telephone.name
        self.up = self.gone = self.could_not_ring = False
        self.changed = changed
        self._telephone = telephone
        self._loop = asyncio.get_running_loop()
        if telephone.broken is not None:
            self.could_not_ring = self.gone = True
            self._loop.call_soon(changed)
            return
        assert telephone.leg is None, f"{telephone.name} was rung for two callers at once"
        telephone.leg = self
        telephone.rings.append((self._loop.time(), call_id))
        answers = telephone.answers[min(len(telephone.rings), len(telephone.answers)) - 1]
        if answers is not None and answers < seconds:
            self._timer = self._loop.call_later(answers, self._answer)
        else:
            self._timer = self._loop.call_later(seconds, self.end)

    def _answer(self) -> None:
        self.up = True
        self.changed()

    def talk(self) -> None:
        if self._telephone.talks is not None:
            self._timer = self._loop.call_later(self._telephone.talks, self.end)

    def hears(self, texts: Sequence[str]) -> None:
        if not self.gone:
            self._telephone.heard.extend(texts)

    def take_away(self) -> None:
        """Another agent was quicker, or the caller left."""
        self._telephone.told_taken += self.up and not self.gone
        self.end()

    def end(self) -> None:
        if not self.gone:
            self.gone = True
            self._timer.cancel()
            self._telephone.leg = None
            self.changed()


class Telephone:
    """The caller's end of the line. `on_key` and `on_change` belong to the engine that leads the call."""

    def __init__(self, script: Sequence[Do]) -> None:
        self.heard: list[Heard] = []
        self.answered = self.gone = False
        self.pressed = 0
        self.talked_to: list[str] = []
        self.talk_began = 0.0  # the last one; loop time
        self.recording: Recording | None = None
        self.on_key: Callable[[str], None] = lambda key: None
        self.on_change: Callable[[], None] = lambda: None
        self.on_words: Callable[[str], None] = lambda words: None  # said while nothing is recorded
        self._script = script
        self._happened: dict[tuple[str, bool], int] = {}
        self._doing: set[asyncio.Task[None]] = set()
        self._playback: Playback | None = None
        self._leg: Leg | None = None

    @property
    def bridge(self) -> Leg | None:
        """The agent on the other side, while there is one."""
        return None if self._leg is None or self._leg.gone else self._leg

    def play(self, texts: Sequence[str], changed: Callable[[], None]) -> Playback:
        taping = self.recording is not None and self.recording.ended_by is None
        assert not taping, "something was said into a running recording"
        if self._playback is not None:
            self._playback.stop()
        self._playback = Playback(self, texts, changed)
        return self._playback

    def happens(self, moment: str, during: Heard | None = None) -> None:
        script = [do for do in self._script if do.moment == moment and do.during == (during is not None)]
        if script:
            which = (moment, during is not None)
            self._happened[which] = count = self._happened.get(which, 0) + 1
            task = asyncio.create_task(self._do(script[min(count, len(script)) - 1], during))
            self._doing.add(task)
            task.add_done_callback(self._doing.discard)

    async def _do(self, do: Do, during: Heard | None) -> None:
        await asyncio.sleep(do.after)
        if during is not None and during.seconds and during.text != BEEP:
            return  # it was over before the caller came to do anything
        if do.say or do.words:
            await self._say(do.say or length(do.words), do.words)
        for number, key in enumerate(do.press):
            if number and do.gap:
                await asyncio.sleep(do.gap)
            self.press(key)
        if do.hang_up:
            self.hang_up()

    async def _say(self, seconds: float, words: str) -> None:
        taping = self.recording is not None and self.recording.ended_by is None
        if self.recording is not None:
            self.recording.speaks(True)
            self.recording.words += words.split() if taping else []
        await asyncio.sleep(seconds)
        if self.recording is not None:
            self.recording.speaks(False)
        if words and not taping:
            self.on_words(words)

    @property
    def hears(self) -> bool:
        """Something is said to the caller now."""
        return self._playback is not None and not self._playback.over.is_set()

    def press(self, key: str) -> None:
        if self.gone:
            return
        self.pressed += 1
        self.on_key(key)
        if self.recording is not None and key == self.recording.end_key:
            self.recording.end("key")

    def joined(self, leg: Leg) -> None:
        self._leg = leg
        self.talked_to.append(leg.agent)
        self.talk_began = asyncio.get_running_loop().time()
        leg.talk()
        self.happens("talk")

    def hang_up(self) -> None:
        """By either side of the line; whatever goes on on it stops."""
        if self.gone:
            return
        self.gone = True
        for task in self._doing:
            if task is not asyncio.current_task():
                task.cancel()
        if self._playback is not None:
            self._playback.stop()
        if self.recording is not None:
            self.recording.end("hangup")
        if self.bridge is not None:
            self.bridge.end()
        self.on_change()


class World:
    def __init__(self, agents: Sequence[AgentTelephone] = ()) -> None:
        self.agents = {f"PJSIP/{agent.name}": agent for agent in agents}
        self.outside: AgentTelephone | None = None  # any number outside; None: it cannot be reached
        self.dialled: list[str] = []  # numbers outside
        self.recordings: dict[Path, Recording] = {}
        self.recorder_fails = False
        self.transcriber = True  # it is there, and listens to calls
        self.played: list[Path] = []  # recordings

    def spoken(self, file: Path) -> float | None:
        recording = self.recordings.get(file)
        if recording is None or recording.ended_by == "failed":
            return None
        return recording.spoken

    def heard(self, file: Path) -> list[str]:
        """The words that the transcriber made out while it was recorded."""
        recording = self.recordings.get(file)
        return recording.words if recording is not None and self.transcriber else []

    def record(
        self, telephone: Telephone, file: Path, longest: float, silence: float, end_key: str
    ) -> Recording:
        recording = Recording(longest, silence, end_key, fails=self.recorder_fails)
        self.recordings[file] = telephone.recording = recording
        return recording
