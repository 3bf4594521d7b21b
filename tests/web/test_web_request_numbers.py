"""Numbers as customers write them in the form, and what they are told about one that is never rung."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.web.request.numbers import BadNumber, read


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("090-1234-5678", "+819012345678"),
        ("０９０－１２３４－５６７８", "+819012345678"),
        ("０９０ー１２３４ー５６７８", "+819012345678"),
        ("(03) 1234-5678", "+81312345678"),
        ("03（1234）5678", "+81312345678"),
        ("+81 90 1234 5678", "+819012345678"),
        ("+81 (0)90 1234 5678", "+819012345678"),
        ("+81 090-1234-5678", "+819012345678"),
        ("81-90-1234-5678", "+819012345678"),
        ("010-81-90-1234-5678", "+819012345678"),
        ("9012345678", "+819012345678"),
        ("186 090 1234 5678", "+819012345678"),
        ("050-3185-9081", "+815031859081"),
        ("011-200-1234", "+81112001234"),
        ("060-1234-5678", "+816012345678"),
    ],
)
def test_a_number_is_read_however_it_is_written(typed: str, number: str) -> None:
    assert read(typed) == number


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "お電話番号をご入力ください"),
        ("たなか", "数字とハイフンだけ"),
        ("03-1234-5678 内線12", "内線番号などは、ご用件の欄に"),
        ("110", "110へは、お電話をおかけすることができません"),
        ("119", "119へは"),
        ("118", "118へは"),
        ("0120-123-456", "フリーダイヤル"),
        ("0800-123-4567", "フリーダイヤル"),
        ("0570-012-345", "ナビダイヤル"),
        ("0990-123-456", "有料の情報サービス"),
        ("020-1234-5678", "この番号へは"),
        ("+1 650 253 0000", "海外の電話番号"),
        ("010-44-20-7946-0018", "海外の電話番号"),
        ("090-1234-567", "桁数が足りない"),
        ("090-1234-56789", "桁数が多い"),
        ("1234-5678", "市外局番から"),
        ("011-123-4567", "誤りがある"),
        ("070-0123-4567", "誤りがある"),
        ("050-3185-9080", "この窓口の電話番号です"),
    ],
)
def test_a_number_that_is_never_rung_is_refused_with_its_reason(typed: str, said: str) -> None:
    with pytest.raises(BadNumber) as refused:
        read(typed, {"+815031859080"})
    assert said in str(refused.value)


WIDE = str.maketrans("0123456789+", "０１２３４５６７８９＋")


@given(
    st.sampled_from(["090", "080", "070"]),
    st.from_regex(r"[1-9][0-9]{7}", fullmatch=True).filter(lambda rest: rest.isascii()),
    st.lists(st.sampled_from(["", "-", " ", "　", "ー", "−", "‐", "―", ".", ") "]), min_size=11, max_size=11),
    st.sampled_from(["", "+81 ", "+81 (0)", "+81-0", "81", "010-81-"]),
    st.booleans(),
)
def test_every_mobile_number_is_read_in_every_dress(
    first: str, rest: str, between: list[str], country: str, wide: bool
) -> None:
    digits = first + rest
    local = digits if country == "" else digits[1:]
    typed = country + "".join(digit + gap for digit, gap in zip(local, between, strict=False))
    assert read(typed.translate(WIDE) if wide else typed) == f"+81{digits[1:]}"
