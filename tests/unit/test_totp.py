"""Codes that change every 30 seconds, against the vectors of RFC 6238 (appendix B) and RFC 4226 (appendix D)."""

import base64
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from ivr.web.auth import totp

SECRET = base64.b32encode(b"12345678901234567890").decode()
# RFC 6238, appendix B, SHA-1: time, and the code of eight digits
RFC_6238 = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]
# RFC 4226, appendix D: codes of six digits for the counters 0 to 9
RFC_4226 = [
    "755224",
    "287082",
    "359152",
    "969429",
    "338314",
    "254676",
    "287922",
    "162583",
    "399871",
    "520489",
]


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(("seconds", "code"), RFC_6238)
def test_the_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    assert totp.code(SECRET, totp.step_at(at(seconds)), digits=8) == code
    assert totp.step_of(SECRET, code[2:], at(seconds)) == seconds // 30


@pytest.mark.parametrize(("counter", "code"), list(enumerate(RFC_4226)))
def test_the_codes_of_counters_are_those_of_the_rfc(counter: int, code: str) -> None:
    assert totp.code(SECRET, counter) == code


def test_a_clock_may_be_off_by_one_step_and_no_more() -> None:
    # 755224 287082 359152 969429 338314 are of the steps 0 to 4; it is step 2 from 60 to 89
    for seconds in (60, 89):
        good = [totp.step_of(SECRET, code, at(seconds)) for code in RFC_4226[:5]]
        assert good == [None, 1, 2, 3, None]


@pytest.mark.parametrize("given", ["", "28708", "2870820", "28708a", "２８７０８２", "-28708", "94287082"])
def test_nothing_else_is_a_code(given: str) -> None:
    assert totp.step_of(SECRET, given, at(59)) is None


def test_secrets_are_long_and_never_the_same() -> None:
    made = {totp.new_secret() for _ in range(50)}
    assert len(made) == 50
    assert {len(base64.b32decode(secret)) for secret in made} == {20}


def test_what_an_authenticator_reads() -> None:
    address = urlsplit(totp.address(SECRET, "tanaka", "電話受付"))
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    # https://github.com/google/google-authenticator/wiki/Key-Uri-Format
    assert parse_qs(address.query) == {"secret": [SECRET], "issuer": ["電話受付"]}
    assert address.path == "/%E9%9B%BB%E8%A9%B1%E5%8F%97%E4%BB%98%3Atanaka"


def test_the_picture_is_svg_without_style_or_script() -> None:
    picture = totp.picture(totp.address(SECRET, "tanaka", "電話受付"))
    assert picture.startswith("<svg ") and picture.rstrip().endswith("</svg>")
    assert "style" not in picture and "script" not in picture and SECRET not in picture


def test_recovery_codes_are_read_however_they_are_typed() -> None:
    codes = totp.new_recovery_codes()
    assert len(codes) == len(set(codes)) == 10
    for code in codes:
        assert len(totp.plain(code)) == 12 and totp.plain(code.lower().replace("-", " ")) == totp.plain(code)
