"""All that is checked before anything goes live, for `ivr check` and for whoever saves a file."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from ivr.asterisk.trunks import LiveTrunks, outside_of
from ivr.dialplan.check import check_all
from ivr.dialplan.load import load_all, load_beside
from ivr.dialplan.model import Dialplan
from ivr.dialplan.problems import BadDialplan, Problem
from ivr.dialplan.readings import load_readings
from ivr.prompts.library import PromptLibrary
from ivr.settings import Settings
from ivr.steps import STEPS
from ivr.trunks.load import Trunks, against_lines, load_trunks, read_trunks


def check_directory(settings: Settings, today: date) -> list[Problem]:
    """Every problem of all files, as `ivr check` prints them. Blocks."""
    dialplans, problems = load_all(settings.dialplans, STEPS)
    found = read_trunks(settings.trunks, settings.trunk_passwords)
    problems += _check_all(settings, dialplans, today, found.trunks)
    return problems + found.problems + against_lines(found, dialplans.values())


def check_files(settings: Settings, files: Sequence[Path], today: date) -> list[Problem]:
    """As `check_directory`, of these files alone, wherever they lie. Blocks."""
    dialplans: dict[str, Dialplan] = {}
    problems: list[Problem] = []
    for file in files:
        try:
            dialplans[str(file)] = load_beside(file, STEPS)
        except BadDialplan as bad:
            problems += bad.problems
    trunks, _ = load_trunks(settings.trunks, settings.trunk_passwords)
    return problems + _check_all(settings, dialplans, today, trunks)


def _check_all(
    settings: Settings, dialplans: Mapping[str, Dialplan], today: date, trunks: Trunks
) -> list[Problem]:
    readings, wrong = load_readings(settings.dialplans)
    # It makes nothing here, so that what is ready to play is not asked.
    library = PromptLibrary(settings.prompt_cache, settings.prompts, readings)
    outside = outside_of(settings, LiveTrunks(settings, trunks))
    return [*wrong, *check_all(dialplans, today, library.why_not, outside=outside)]
