"""What a handler raises when it cannot do what was asked; `guard` and the API turn it into an answer."""

import logging
from collections.abc import Sequence

from ivr.errors import Conflict, IvrError

log = logging.getLogger("ivr.web")


class BadRequest(Exception):
    """`detail` says what to do; `fields`: (where, what to write) of each that is wrong."""

    def __init__(self, detail: str, fields: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = tuple(fields)


class NotDialled(Conflict):
    """`code` of `ivr.callbacks.guard`; `may_insist`: the agent may dial all the same, knowing it."""

    def __init__(self, said: str, code: str, may_insist: bool) -> None:
        super().__init__(said, id="not_dialled")
        self.code = code
        self.may_insist = may_insist


class Forbidden(Exception):
    """The role of who asks does not allow it; what would is said."""


class Gone(Exception):
    """It was deleted; `said` tells when and why, in Japanese."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


def unexpected(error: Exception) -> int:
    """503 for what may pass by itself, else 500; both are logged."""
    status = 503 if isinstance(error, IvrError) and error.retryable else 500
    log.error("request failed", exc_info=error, extra={"status": status})
    return status
