"""How long a line keeps what its callers leave, as it is written in YAML."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ivr.dialplan.load import load_text
from ivr.dialplan.retention import RetentionRules
from ivr.errors import DialplanError
from ivr.steps import STEPS

TOKYO = ZoneInfo("Asia/Tokyo")
SOURCE = """
line: {{tenant: shop, name: 店, numbers: ["03-1234-5678"], retention: {}}}
start: bye
steps: {{bye: {{type: hangup}}}}
"""


def rules(written: str) -> RetentionRules:
    return load_text("shop.yaml", SOURCE.format(written), STEPS).line.retention


def test_nothing_is_deleted_unless_it_is_said() -> None:
    assert not rules("{}").any()
    assert rules("{audio: 0}").any()
    kept = rules("{audio: 90d, text: 1y}")
    assert (str(kept.audio), str(kept.text), kept.calls) == ("90d", "1y", None)


@pytest.mark.parametrize(
    ("written", "ends"),
    [
        ("0", "2026-11-24T20:00+09:00"),
        ("0d", "2026-11-24T20:00+09:00"),
        ("12h", "2026-11-24T08:00+09:00"),
        ("1d", "2026-11-23T00:00+09:00"),
        ("90d", "2026-08-26T00:00+09:00"),
        ("1y", "2025-11-24T00:00+09:00"),
        ("100y", "1926-11-24T00:00+09:00"),
    ],
)
def test_what_came_in_before_is_to_go(written: str, ends: str) -> None:
    now = datetime.fromisoformat("2026-11-24T20:00+09:00")
    keep = rules(f"{{audio: {written}}}").audio
    assert keep is not None and keep.ends(now, TOKYO) == datetime.fromisoformat(ends)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{audio: 90}", 'has no unit; did you mean "90d"?'),
        ("{audio: for ever}", "is no time to keep something; write for example"),
        ("{audio: -1d}", "is no time to keep something"),
        ("{audio: 1.5y}", "is no time to keep something"),
        ("{audio: 101y}", "is longer than 100 years"),
        ("{audio: 30m}", "is no time to keep something"),
        ("{voice: 90d}", 'unknown key "voice"'),
    ],
)
def test_what_is_wrong_is_said_with_the_cure(written: str, said: str) -> None:
    with pytest.raises(DialplanError) as raised:
        rules(written)
    assert said in str(raised.value)
    assert "shop.yaml:2:" in str(raised.value)
