"""Which telephones can be rung, by what ARI lists at GET /endpoints."""

import pytest

from ivr.engine_health import registered

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
