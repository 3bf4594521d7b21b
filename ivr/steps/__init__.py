"""The types of step: one file each, and this table."""

from collections.abc import Mapping

from ivr.dialplan.model import Step
from ivr.steps.branch import Branch
from ivr.steps.callback import Callback
from ivr.steps.closing import ClosingStep
from ivr.steps.collect import Collect
from ivr.steps.consent import Consent
from ivr.steps.goto import Goto
from ivr.steps.hangup import Hangup
from ivr.steps.hours import HoursStep
from ivr.steps.mailbox import MailboxStep
from ivr.steps.menu import Menu
from ivr.steps.notify import Notify
from ivr.steps.play import Play
from ivr.steps.queue import Queue
from ivr.steps.say_hours import SayHours
from ivr.steps.survey import Survey
from ivr.steps.ticket import TicketStep
from ivr.steps.transfer import Transfer
from ivr.steps.voicemail import Voicemail

STEPS: Mapping[str, type[Step]] = {
    "play": Play,
    "menu": Menu,
    "collect": Collect,
    "consent": Consent,
    "branch": Branch,
    "hours": HoursStep,
    "say_hours": SayHours,
    "queue": Queue,
    "voicemail": Voicemail,
    "callback": Callback,
    "transfer": Transfer,
    "ticket": TicketStep,
    "survey": Survey,
    "notify": Notify,
    "closing": ClosingStep,
    "mailbox": MailboxStep,
    "goto": Goto,
    "hangup": Hangup,
}
