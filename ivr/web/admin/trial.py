"""A call through a text that is not saved yet: what `ivr simulate` prints, from the fields of a form. Blocks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from unicodedata import normalize

from ivr.clock import JAPAN
from ivr.dialplan.model import Dialplan
from ivr.dialplan.pick import moment, pick, zone_of
from ivr.editing import as_if_saved
from ivr.steps import STEPS
from ivr.terminal import command

STAFFS = (("free", "受付可（1人ずつ）"), ("busy", "全員が通話中"), ("nobody", "だれもいない"))
LONGEST = 200  # characters of a field


@dataclass(frozen=True, slots=True)
class Trial:
    """As the fields of the form hold it; `at` is local time of the line."""

    at: str
    keys: str = ""
    say: str = ""
    caller: str = "090-1234-5678"
    staff: str = "free"

    @classmethod
    def of(cls, form: Mapping[str, Any], now: datetime) -> "Trial":
        def field(name: str) -> str:
            return str(form.get(name, "")).strip()[:LONGEST]

        def typed(name: str) -> str:
            return normalize("NFKC", field(name))  # ＃１, from a keyboard that writes Japanese

        return cls(field("at") or fresh(now).at, typed("keys"), field("say"), typed("caller"), field("staff"))


def fresh(now: datetime) -> Trial:
    return Trial(f"{now.astimezone(JAPAN):%Y-%m-%dT%H:%M}")


def simulate(directory: Path, key: str, text: str, trial: Trial, now: datetime) -> list[str]:
    """The lines of the transcript. DialplanError or BadArgument if a field cannot be used."""
    dialplan = _dialplan(directory, key, text, now.date())
    transcript: list[str] = []
    command.play(
        dialplan,
        moment(trial.at, zone_of(dialplan)),
        keys=trial.keys,
        say=[trial.say] if trial.say else [],
        agents=command.agents(dialplan, None, busy=trial.staff == "busy", nobody=trial.staff == "nobody"),
        caller=command.caller(trial.caller or command.WITHHELD),
        save=None,
        report=transcript.append,
    )
    return transcript


def tenant_of(directory: Path, key: str, text: str, today: date) -> str:
    """Whose line the text makes of it. BadDialplan if it does not pass its check."""
    return _dialplan(directory, key, text, today).line.tenant


def _dialplan(directory: Path, key: str, text: str, today: date) -> Dialplan:
    with as_if_saved(directory, {key: text}) as copy:
        return pick(copy, key, STEPS, today)
