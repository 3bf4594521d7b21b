"""The official list of holidays in force: read, updated, compared with the computed days, and missed."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.errors import CalendarError
from ivr.hours import HoursModel, Reason, official
from ivr.hours.check import doubts, holiday_alarms
from tests.hours_helpers import d, desk

SHIPPED = (Path(__file__).parent.parent / "data" / "syukujitsu.csv").read_bytes()
# 内閣府 publishes 2028 in February 2027; these are its days by the law as it stands.
NEXT_YEAR = """\
2028/1/1,元日
2028/1/10,成人の日
2028/2/11,建国記念の日
2028/2/23,天皇誕生日
2028/3/20,春分の日
2028/4/29,昭和の日
2028/5/3,憲法記念日
2028/5/4,みどりの日
2028/5/5,こどもの日
2028/7/17,海の日
2028/8/11,山の日
2028/9/18,敬老の日
2028/9/22,秋分の日
2028/10/9,スポーツの日
2028/11/3,文化の日
2028/11/23,勤労感謝の日
"""
JP = HoursModel.model_validate({"zone": "Asia/Tokyo", "weekly": {"月-金": "10:00-17:00"}, "holidays": "JP"})


@pytest.fixture(autouse=True)
def own_list(tmp_path: Path) -> Iterator[Path]:
    """A place for a newer list, as `<IVR_DATA>/syukujitsu.csv` is; the process goes by the shipped one again after."""
    path = tmp_path / "syukujitsu.csv"
    official.use(path)
    yield path
    official.use(tmp_path / "none")


def changed(old: str, new: str, data: bytes = SHIPPED) -> bytes:
    assert data.count(old.encode("cp932")) == 1, old
    return data.replace(old.encode("cp932"), new.encode("cp932"))


def with_next_year() -> bytes:
    return SHIPPED.rstrip() + b"\r\n" + NEXT_YEAR.replace("\n", "\r\n").encode("cp932")


def alarms(today: date) -> dict[str, str]:
    return {alarm.key: alarm.text for alarm in holiday_alarms(today) if alarm.text}


def warnings(today: date) -> list[str]:
    return [message for path, message in doubts(JP, today) if path == ("holidays",)]


def test_the_shipped_list_is_whole_and_agrees() -> None:
    found = official.in_force()
    assert (found.days, found.first, found.last) == (1067, 1955, 2027)
    assert official.differences() == []
    assert holiday_alarms(d(2026, 11, 24)) and alarms(d(2026, 11, 24)) == {}
    assert warnings(d(2026, 11, 24)) == []


@pytest.mark.parametrize(
    ("today", "missing"),
    [
        (d(2026, 11, 24), None),
        (d(2027, 1, 1), None),
        (d(2027, 2, 14), None),
        (d(2027, 2, 15), 2028),
        (d(2027, 12, 31), 2028),
        (d(2028, 1, 1), 2028),
        (d(2028, 2, 15), 2029),
    ],
)
def test_a_year_is_missed_after_its_usual_publication(today: date, missing: int | None) -> None:
    assert official.missing_year(today) == missing
    if missing is None:
        assert alarms(today) == {} and warnings(today) == []
        return
    assert alarms(today).keys() == {"holidays:missing"}
    text = alarms(today)["holidays:missing"]
    for words in (f"{missing}年の祝日がありません", "2027年まで", "ivr holidays --update syukujitsu.csv"):
        assert words in text
    assert len(warnings(today)) == 1
    assert f"lacks {missing}" in warnings(today)[0] and "ivr holidays --update" in warnings(today)[0]


def test_a_missing_year_is_computed_and_not_open() -> None:
    assert desk().day(d(2028, 1, 10)).reason == Reason("holiday", "成人の日")
    assert desk().day(d(2050, 1, 1)).reason == Reason("holiday", "元日")


def test_a_newer_list_is_taken(own_list: Path) -> None:
    official.update(with_next_year(), own_list)
    assert official.in_force().last == 2028
    assert own_list.read_bytes() == with_next_year()
    assert official.missing_year(d(2027, 3, 1)) is None
    assert alarms(d(2027, 3, 1)) == {}
    assert desk().day(d(2028, 9, 22)).reason == Reason("holiday", "秋分の日")
    # And by the next process.
    official.use(own_list)
    assert official.in_force().last == 2028


def test_a_list_of_the_package_that_reaches_farther_wins(own_list: Path) -> None:
    older = b"\r\n".join(row for row in SHIPPED.split(b"\r\n") if not row.startswith(b"2027"))
    own_list.write_bytes(older)
    official.use(own_list)
    assert official.in_force().last == 2027
    assert official.problem() is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "its first line is another"),
        (b"<html>not found</html>", "its first line is another"),
        (SHIPPED.decode("cp932").encode("utf-8"), "CP932"),
        (SHIPPED.decode("cp932").encode("utf-16"), "CP932"),
        (SHIPPED[:10_000], "not whole"),
        (SHIPPED[:-20], "row 1068 is not the next day"),
        (b"\r\n".join(SHIPPED.split(b"\r\n")[:1]), "no days"),
        (changed("2027/1/1,元日\r\n", ""), "the list of 2027 is not whole"),
        (changed("2026/7/20,海の日", "2026/7/32,海の日"), "is not the next day"),
        (changed("2026/7/20,海の日", "2026/7/20,"), "is not the next day"),
        (changed("2026/7/20,海の日", "2025/7/20,海の日"), "is not the next day"),
        (changed("2026/7/20,海の日", "2026/7/20,海の日,1"), "is not the next day"),
        (changed("2026/7/20,海の日\r\n", ""), "1066 days, 1955 to 2027"),
        (SHIPPED + b" " * 1_000_000, "smaller than 1000000 bytes"),
    ],
)
def test_what_is_no_better_is_refused_and_the_old_list_stays(own_list: Path, data: bytes, words: str) -> None:
    with pytest.raises(CalendarError, match=words):
        official.update(data, own_list)
    assert not own_list.exists()
    assert official.in_force().days == 1067


def test_less_than_the_newer_list_is_refused_too(own_list: Path) -> None:
    official.update(with_next_year(), own_list)
    with pytest.raises(CalendarError, match="the old one stays"):
        official.update(SHIPPED, own_list)
    assert own_list.read_bytes() == with_next_year()


def test_a_law_that_moves_a_day_counts_as_listed(own_list: Path) -> None:
    moved = changed("2027/7/19,海の日", "2027/7/22,海の日")
    official.update(moved, own_list)
    assert desk().day(d(2027, 7, 22)).reason == Reason("holiday", "海の日")
    assert desk().day(d(2027, 7, 19)).reason == Reason("open")
    text = alarms(d(2026, 11, 24))["holidays:different"]
    assert "2027-07-19 海の日：計算のみ、2027-07-22 海の日：一覧のみ" in text
    assert "ivr holidays --update syukujitsu.csv" in text
    assert len(warnings(d(2026, 11, 24))) == 1
    assert "differ on 2027-07-19, 2027-07-22; the list counts" in warnings(d(2026, 11, 24))[0]
    # What is over concerns nobody.
    assert official.differences(2028) == []


def test_hours_without_public_holidays_do_not_warn(own_list: Path) -> None:
    official.update(changed("2027/7/19,海の日", "2027/7/22,海の日"), own_list)
    model = HoursModel.model_validate({"zone": "Asia/Tokyo", "weekly": {"月-金": "10:00-17:00"}})
    assert doubts(model, d(2027, 3, 1)) == []


def test_a_broken_file_is_told_and_the_list_of_the_package_counts(own_list: Path) -> None:
    own_list.write_bytes(b"\x00garbage")
    official.use(own_list)
    assert official.in_force().days == 1067
    assert alarms(d(2026, 11, 24)).keys() == {"holidays:file"}
    assert desk().day(d(2026, 11, 23)).reason == Reason("holiday", "勤労感謝の日")


def test_a_file_that_was_replaced_is_noticed_once(own_list: Path) -> None:
    assert official.in_force().last == 2027
    shipped = official.refresh()
    assert official.refresh() is shipped
    own_list.write_bytes(with_next_year())
    newer = official.refresh()
    assert newer.last == 2028
    assert official.refresh() is official.in_force() is newer


def test_past_entries_are_told() -> None:
    model = HoursModel.model_validate(
        {
            "zone": "Asia/Tokyo",
            "weekly": {"月-金": "10:00-17:00"},
            "closed": {
                "2026-08-13 - 2026-08-15": "夏季休業",
                "12/29-1/3": "年末年始休業",
                "第3水曜": "定休日",
            },
            "exceptions": {"2026-11-23": "10:00-12:00", "2026-11-24": "10:00-12:00"},
        }
    )
    assert doubts(model, d(2026, 8, 15)) == []
    assert doubts(model, d(2026, 8, 16)) == [
        (
            ("closed", "2026-08-13 - 2026-08-15"),
            '"2026-08-13 - 2026-08-15" is past and matches no day any more; correct the year or take it out',
        )
    ]
    path, message = doubts(model, d(2026, 11, 24))[0]
    assert path == ("exceptions", "2026-11-23") and "like 1 more" in message


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        ({"exceptions": {"2062-12-28": "10:00-12:00"}}, ("exceptions", "2062-12-28"), "is years ahead"),
        ({"closed": {"2062-08-13": "夏季休業"}}, ("closed", "2062-08-13"), "is years ahead"),
        (
            {"closed": {"2026-12-29 - 2027-12-03": "休業"}},
            ("closed", "2026-12-29 - 2027-12-03"),
            "closes 340 days",
        ),
        (
            {"closed": {"1/3-12/29": "年末年始休業"}},
            ("closed", "1/3-12/29"),
            'closes 362 days of each year; did you mean "12/29-1/3"?',
        ),
    ],
)
def test_slips_of_the_hand_are_told(
    fields: dict[str, dict[str, str]], path: tuple[str, str], words: str
) -> None:
    model = HoursModel.model_validate({"zone": "Asia/Tokyo", "weekly": {"月-金": "10:00-17:00"}} | fields)
    assert [found[0] for found in doubts(model, d(2026, 11, 24))] == [path]
    assert words in doubts(model, d(2026, 11, 24))[0][1]


def test_usual_closings_are_no_slips() -> None:
    closed = {"12/29-1/3": "年末年始休業", "8/1-8/31": "夏季休業", "2026-12-01 - 2027-01-15": "改装"}
    model = HoursModel.model_validate(
        {"zone": "Asia/Tokyo", "weekly": {"月-金": "10:00-17:00"}, "closed": closed}
    )
    assert doubts(model, d(2026, 11, 24)) == []


@settings(max_examples=200)
@given(
    st.binary(max_size=200)
    | st.builds(
        lambda at, junk: SHIPPED[:at] + junk + SHIPPED[at + len(junk) :],
        st.integers(0, len(SHIPPED)),
        st.binary(min_size=1, max_size=8),
    )
)
def test_any_bytes_are_a_list_or_a_clear_error(data: bytes) -> None:
    try:
        found = official.read_list(data)
    except CalendarError as error:
        assert str(error)
    else:
        assert all(len(days) >= 2 for days in found.years.values())
        assert list(found.years) == list(range(found.first, found.last + 1))
