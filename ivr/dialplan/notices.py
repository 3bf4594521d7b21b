"""Who is told of what happens on a line: the rules under `line:`, and the places a `notify` step names.

Only names stand in YAML: addresses of webhooks, and all secrets, are the operator's (`IVR_NOTICES`).
"""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ivr.dialplan.part import Duration, Part

Channel = Literal["mail", "webhook", "slack"]
When = Literal[
    "callback", "message", "urgent", "silent", "near_due", "tier2", "tier3", "news_due", "exhausted", "change"
]
Include = Literal["matter", "number", "audio", "history"]

# No quoted local parts and no Japanese before the "@": hardly a server takes them.
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{4,255}$)([A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}"
)
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def mail_address(text: str) -> str:
    """ValueError if it is none that mail servers take."""
    if not _ADDRESS.fullmatch(text) or ".." in text or text.startswith(".") or ".@" in text:
        raise ValueError(f'"{text}" is no mail address; write for example "support@example.co.jp"')
    return text


def _name(text: str) -> str:
    if "://" in text:
        raise ValueError(
            "an address does not stand in a dialplan: write the name that the operator gave it in the file of IVR_NOTICES"
        )
    if not _NAME.fullmatch(text):
        raise ValueError(f'"{text}" is no name of a place; use small letters, digits, "-" and "_"')
    return text


def _listed(value: object) -> object:
    """One entry may stand without brackets."""
    return [value] if isinstance(value, str) else value


def one_or_more(kind: Any) -> BeforeValidator:
    return BeforeValidator(_listed, json_schema_input_type=kind | list[kind])


Address = Annotated[str, AfterValidator(mail_address), Field(json_schema_extra={"format": "email"})]
PlaceName = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": f"^{_NAME.pattern}$"})]
_Several = Field(max_length=20)
Addresses = Annotated[
    tuple[Address, ...], BeforeValidator(_listed, json_schema_input_type=str | list[Address]), _Several
]
PlaceNames = Annotated[
    tuple[PlaceName, ...], BeforeValidator(_listed, json_schema_input_type=str | list[PlaceName]), _Several
]
Includes = Annotated[tuple[Include, ...], one_or_more(Include)]
Whens = Annotated[tuple[When, ...], one_or_more(When), Field(min_length=1)]


class PlacesModel(Part):
    """Where a notice goes, and what it holds."""

    mail: Addresses = ()
    """mail addresses; each gets a mail of its own"""
    webhook: PlaceNames = ()
    """names of webhooks, which the operator gave an address and a secret"""
    slack: PlaceNames = ()
    """names of Slack channels, or of what takes the same, which the operator gave an address"""
    include: Includes = ()
    """what the notice holds beside its link: `matter` (the text of the message, or what was typed), `number` (the
    caller's), `audio` (attached to mails), `history` (what was done until then). With none of them a login is
    needed to see any of it"""

    @model_validator(mode="after")
    def _leads_somewhere(self) -> "PlacesModel":
        if not self.targets():
            raise ValueError('nobody is named; it needs "mail", "webhook" or "slack"')
        return self

    def targets(self) -> list[tuple[Channel, str]]:
        """(channel, address or name), each once."""
        found: list[tuple[Channel, str]] = [("mail", address) for address in self.mail]
        found += [("webhook", name) for name in self.webhook]
        return list(dict.fromkeys([*found, *(("slack", name) for name in self.slack)]))


class NoticeRule(PlacesModel):
    """Who is told of what."""

    when: Whens
    """`callback`: somebody is to be rung back, with or without a message; `message`: each message in which
    something was said; `urgent`: the caller pressed the key for it, or the callback is `critical`; `silent`:
    a message in which nothing was said; `near_due`: nobody has begun a callback that is due soon; `tier2`, `tier3`:
    it is due, or long so, and moves up; `news_due`: the customer is to hear of the progress now; `exhausted`: nobody was reached, a supervisor is to decide (連絡不能);
    `change`: everything that happens to a callback, for a webhook alone. One of them, or a list"""
    reply: Literal["any", "wanted"] = "any"
    """`wanted`: not of callers who want no reply (折り返し不要)"""
    during: dict[Annotated[str, Field(min_length=1, max_length=64)], Literal["open", "closed"]] = Field(
        default={}
    )
    """hours -> `open` or `closed`: only of what came in then, `{office: closed}`; none: at any time"""
    unless_seen: Duration | None = None
    """so long after, `then` are told if the link of no notice was opened and nobody has taken up the callback"""
    then: PlacesModel | None = None
    """who is told then"""

    @model_validator(mode="after")
    def _goes_on(self) -> "NoticeRule":
        if "change" in self.when and (len(self.when) > 1 or self.mail or self.slack or self.then):
            raise ValueError('"change" is for a webhook, in a rule of its own')
        if (self.unless_seen is None) != (self.then is None):
            raise ValueError('"unless_seen" and "then" belong together')
        if self.unless_seen is not None and not timedelta(minutes=1) <= self.unless_seen <= timedelta(days=2):
            raise ValueError('"unless_seen" is between 1m and 48h')
        return self
