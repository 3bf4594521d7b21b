"""Prompts as files for Asterisk, for the calls of the engine; never synthesises."""

from ivr.asterisk.caller import TAKEN, Sound, Sounds
from ivr.dialplan.greeting import in_its_place
from ivr.prompts import tones
from ivr.prompts.library import PromptLibrary
from ivr.settings import Settings


class LiveSounds:
    """What is looked up once is remembered until `reload`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._library = self._live()
        self._before = self._library
        self._ready: dict[str, Sound] = {}

    def _live(self) -> PromptLibrary:
        settings = self._settings
        return PromptLibrary.live(settings.prompt_cache, settings.prompts, settings.readings)

    def reload(self) -> None:
        """After a publish: other readings, recordings of another length."""
        self._ready = {}
        library = self._live()
        if library.readings != self._library.readings:
            self._before, self._library = self._library, library

    def of(self, text: str) -> Sound | None:
        """A call that runs on an older version has what was made for that one."""
        found = self._ready.get(text)
        if found is None:
            found = _sound(self._library, text) or _sound(self._before, text)
            if found is not None:
                self._ready[text] = found
            elif (other := in_its_place(text)) is not None:
                return _sound(self._library, other)
        return found

    def sounds(self) -> Sounds:
        return Sounds(
            of=self.of,
            neutral=lambda: self._builtin(tones.NEUTRAL["neutral"]),
            beep=Sound((self._settings.sounds / "beep").resolve(), 0.5),
            taken=lambda: self._builtin(TAKEN),
        )

    def _builtin(self, text: str) -> Sound:
        # Not made yet at the very first start: Asterisk then plays nothing, and the call goes on.
        return self.of(text) or Sound((self._settings.sounds / "silence").resolve(), 1.0)


def _sound(library: PromptLibrary, text: str) -> Sound | None:
    path = library.path(text)
    return Sound(path, library.duration(text) or 0.0) if path is not None else None
