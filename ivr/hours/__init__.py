"""Business calendars: is the line open, why, until when, and how long is "4 business hours" from here."""

from ivr.hours.calendar import Calendar, State
from ivr.hours.check import checks
from ivr.hours.closings import Closing
from ivr.hours.model import HoursModel
from ivr.hours.rules import Day, Reason

__all__ = ["Calendar", "Closing", "Day", "HoursModel", "Reason", "State", "checks"]
