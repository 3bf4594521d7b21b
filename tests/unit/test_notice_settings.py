"""The settings of notices: nothing leaves the machine by default, and a wrong one says what to write."""

import pytest

from ivr.errors import SettingsError
from ivr.notify.notices import ways
from ivr.settings import load

MAIL = {"IVR_SMTP": "smtp.example.co.jp:587", "IVR_MAIL_FROM": "折り返し窓口 <ivr@example.co.jp>"}


def test_by_default_nothing_leaves() -> None:
    found = ways(load({}))
    assert (found.server, found.places) == (None, None)
    assert found.base_url == "http://127.0.0.1:8080"


def test_a_mail_server() -> None:
    settings = load({**MAIL, "IVR_SMTP_PASSWORD": "hunter2hunter2", "IVR_URL": "https://ivr.example.co.jp/"})
    found = ways(settings)
    assert found.server is not None
    assert (str(found.server.address), found.server.tls) == ("smtp.example.co.jp:587", "starttls")
    assert found.base_url == "https://ivr.example.co.jp"
    assert "hunter2" not in repr(settings) + repr(found), "no log can show it"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("IVR_SMTP", "smtp.example.co.jp", 'is no host:port; write for example "127.0.0.1:8080"'),
        ("IVR_SMTP_TLS", "ssl", '"ssl" is none of starttls, tls, none'),
        ("IVR_MAIL_FROM", "折り返し窓口", "is no sender; write for example"),
        ("IVR_MAIL_FROM", "", "IVR_MAIL_FROM: it is needed with IVR_SMTP"),
        ("IVR_URL", "ivr.example.co.jp", "is no address of pages; write for example"),
    ],
)
def test_a_wrong_one_is_named(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        load({**MAIL, name: value})
    assert name in str(error.value) and said in str(error.value)
