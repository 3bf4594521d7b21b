"""The public form of a line, `/request/<line>`: who asks there to be rung back, and what is promised."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ivr.dialplan.callbacks import CallbackModel, Due
from ivr.dialplan.notices import Address, Includes, one_or_more
from ivr.dialplan.part import Part

Asked = Literal["required", "optional", "off"]
Change = Literal["received", "begun", "not_reached", "delayed", "done", "cancelled", "unreachable"]
CHANGES: tuple[Change, ...] = (
    *("received", "begun", "not_reached", "delayed"),
    *("done", "cancelled", "unreachable"),
)
_URL = re.compile(r"https://[^\s/?#]+\.[^\s/?#]+(/[^\s]*)?")


def _url(text: str) -> str:
    if not _URL.fullmatch(text):
        raise ValueError(
            f'"{text}" is no address of a page; write for example "https://www.example.co.jp/privacy"'
        )
    return text


Url = Annotated[str, AfterValidator(_url), Field(max_length=500)]
Words = Annotated[str, Field(min_length=1, max_length=2000)]


class FormRules(Part):
    """The public form of the line."""

    callback: CallbackModel = CallbackModel()
    """what is promised to who asks there: `{priority: medium, due: 1 business day}`"""
    now: CallbackModel | None = None
    """今すぐ: while the line is open and an agent is free, who wishes it is rung at once; what is promised in
    case nobody is free any more: `{priority: high, due: 15m}`; none: it is not offered"""
    by_mail: Due | None = None
    """by when is answered by mail who does not tick 「お電話での折返し案内を希望する」: `3 business days`; none:
    there is nothing to tick, everybody is rung"""
    company: Asked = "optional"
    """the company's name: `required`, `optional` or `off`; so below"""
    member: Asked = "off"
    """the ID as a member or customer"""
    email: Asked = "optional"
    """the mail address; needed all the same by who is answered by mail"""
    matter: Asked = "required"
    """what it is about"""
    times: bool = False
    """whether a part of the day may be chosen: 午前, 午後, 夕方"""
    text: Words | None = None
    """said above the form, as it stands"""
    privacy: Words | None = None
    """what becomes of what is typed, beside the box to agree; none: that it is used to answer"""
    privacy_url: Url | None = None
    """the page of the privacy policy (個人情報保護方針), linked there"""

    def promises(self) -> Iterator[tuple[str, CallbackModel]]:
        """Field -> what it promises."""
        yield "callback", self.callback
        if self.now is not None:
            yield "now", self.now

    def hours_used(self) -> dict[str, str]:
        """Field -> name of the hours it refers to."""
        return {f"{field}.hours": promise.hours for field, promise in self.promises() if promise.hours}


class CustomerMails(Part):
    """What customers who gave a mail address are told of."""

    tell: Annotated[tuple[Change, ...], one_or_more(Change), Field(min_length=1)] = CHANGES
    """of what: `received`, `begun` (somebody has taken it up), `not_reached` (with the next attempt), `delayed` (the
    time that was promised has passed, or the line is closed then), `done`, `cancelled`, `unreachable`"""
    include: Includes = ()
    """`matter`: what they wrote stands in the mail"""
    reply_to: Address | None = None
    """where answers go; none: the mail says that nobody reads them"""
    sign: Words | None = None
    """the last lines of each mail: who writes, and where one can ask"""
