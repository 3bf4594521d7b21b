"""The types of step: one file each, and this table."""

from collections.abc import Mapping

from ivr.dialplan.model import Step
from ivr.steps.hangup import Hangup
from ivr.steps.hours import HoursStep
from ivr.steps.menu import Menu
from ivr.steps.play import Play
from ivr.steps.queue import Queue
from ivr.steps.voicemail import Voicemail

STEPS: Mapping[str, type[Step]] = {
    "play": Play,
    "menu": Menu,
    "hours": HoursStep,
    "queue": Queue,
    "voicemail": Voicemail,
    "hangup": Hangup,
}
