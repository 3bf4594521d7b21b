"""Which telephones can be rung, by what ARI lists at GET /endpoints."""

from typing import Any

import pytest

from ivr.asterisk.ari import AriRefused
from ivr.engine_health import asked, registered

LISTED = [
    {"technology": "PJSIP", "resource": "tanaka", "state": "online", "channel_ids": []},
    {"technology": "PJSIP", "resource": "sato", "state": "offline", "channel_ids": []},
    {"technology": "PJSIP", "resource": "suzuki", "state": "unknown", "channel_ids": []},
    {"technology": "IAX2", "resource": "ito", "state": "offline", "channel_ids": []},
]


@pytest.mark.parametrize(
    ("endpoint", "can_ring"),
    [
        ("PJSIP/tanaka", True),
        ("PJSIP/sato", False),
        ("PJSIP/suzuki", True),  # Asterisk does not watch this one
        ("PJSIP/nobody", False),
        ("IAX2/ito", False),
        ("PJSIP/0312345678@trunk", None),
        ("PJSIP/tanaka/sip:tanaka@127.0.0.1", None),
        ("Local/100@from-internal", None),
        ("SIP/100", None),
    ],
)
def test_what_can_be_rung(endpoint: str, can_ring: bool | None) -> None:
    assert registered(LISTED)(endpoint) is can_ring


class WithoutEndpoints:
    """ARI of an Asterisk that has no res_ari_endpoints."""

    connected = True

    async def http(self, method: str, uri: str) -> Any:
        if uri == "endpoints":
            raise AriRefused(404, f"{method} {uri}", "")
        return {"ping": "pong"}


async def test_who_was_missing_in_another_asterisk_is_not_for_ever_in_one_that_tells_nothing() -> None:
    known, ok = await asked(WithoutEndpoints())  # type: ignore[arg-type]
    assert ok
    assert known is not None and known("PJSIP/tanaka") is None
