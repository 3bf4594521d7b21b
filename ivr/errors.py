"""Every exception of the engine.

The docstring of a class is its default message; `retryable` says whether the
same request may succeed later without anybody changing anything.
"""

from typing import ClassVar


class IvrError(Exception):
    """Something went wrong in the telephony engine."""

    retryable = False

    def __init__(self, message: str | None = None, *, retryable: bool | None = None) -> None:
        super().__init__(message or type(self).__doc__)
        if retryable is not None:
            self.retryable = retryable


class SettingsError(IvrError):
    """A setting cannot be used."""


class BadArgument(IvrError):
    """An argument of a command cannot be used."""


class DialplanError(IvrError):
    """A dialplan did not pass its check."""


class CalendarError(IvrError):
    """A calendar of business hours cannot be used."""


class ClosingError(IvrError):
    """A line cannot be closed so."""


class PinError(IvrError):
    """A PIN cannot be taken."""


class StoreError(IvrError):
    """The store did not take or give the data."""

    retryable = True


class NotFound(IvrError):
    """There is no such thing; list what exists and try again."""


class Conflict(IvrError):
    """Somebody else changed it first; look at the present state and decide again."""

    def __init__(self, message: str | None = None, *, id: str = "conflict") -> None:
        """`id` tells programs what stands against it; those of callbacks stand in ivr/web/api/gate.py."""
        super().__init__(message)
        self.id = id


class AsteriskError(IvrError):
    """Asterisk refused a request or cannot be reached."""

    retryable = True


class SynthesisError(IvrError):
    """A text could not be spoken."""


class AudioError(IvrError):
    """Audio could not be read or written."""


class TranscriberError(IvrError):
    """The transcriber did not answer."""

    retryable = True


class ModelFailed(IvrError):
    """A speech recognition model cannot be fetched or used."""


class BadPeriod(IvrError):
    """The period of a report cannot be understood; the text is for the page."""


class DeliveryFailed(IvrError):
    """A notice was not taken by the other side."""

    retryable = True

    def __init__(self, answer: str, *, retryable: bool = True, unsure: bool = False) -> None:
        """`answer` of the other side, or in its place what is wrong; `unsure`: it may have arrived all the same."""
        super().__init__(answer, retryable=retryable)
        self.unsure = unsure


class AccountError(IvrError):
    """An account cannot be made or changed so."""

    SAID: ClassVar[dict[str, str]] = {
        "name": "a user's name has 1 to 32 of a-z, 0-9, dot, - and _, and begins with a letter or digit",
        "mail": "this is no mail address; write for example tanaka@example.co.jp",
        "no_mail": "no mail address is known; give one, or hand over the link",
        "disabled": "the account is closed; open it again first",
        "short": "a password has 10 to 200 characters",
        "differ": "the two entries differ; type it again",
        "role": "there is no such role",
        "tenant": "there is no such tenant",
        "locked": "too many tries; wait five minutes",
        "wrong": "the present password is wrong",
        "easy": "this password is easily guessed; take a longer one without the user's name",
    }

    def __init__(self, code: str) -> None:
        super().__init__(self.SAID[code])
        self.code = code
