"""A company's iCalendar taken into the hours of a file: what is taken, what is not, and nothing else is touched."""

import json
from datetime import date
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.cli import main
from ivr.dialplan.company_days import Import, import_days
from ivr.dialplan.edit import put
from ivr.dialplan.load import load_text
from ivr.dialplan.source import read
from ivr.errors import CalendarError, DialplanError, IvrError
from ivr.steps import STEPS
from tests.dialplans import SHOP, changed
from tests.hours_helpers import offset_to

FILE = "dialplans/shop.yaml"
WEEKLY = '    weekly: {月-金: "10:00-17:00"}\n'
HOLIDAYS = changed(WEEKLY, WEEKLY + "    holidays: JP\n")
FIRST, LAST = date(2026, 11, 24), date(2027, 12, 31)
_numbers = count(1)


def event(begin: str, end: str | None, title: str, *more: str) -> str:
    """`begin`, `end`: 20261124 a whole day, 20261124T040000Z, or :Asia/Tokyo:20261124T130000 with a zone."""
    lines = ["BEGIN:VEVENT", f"UID:{next(_numbers)}", "DTSTAMP:20260101T000000Z", when("DTSTART", begin)]
    lines += [when("DTEND", end)] if end else []
    return "\r\n".join([*lines, f"SUMMARY:{title}", *more, "END:VEVENT", ""])


def when(name: str, text: str) -> str:
    if text.startswith(":"):
        _, zone, moment = text.split(":")
        return f"{name};TZID={zone}:{moment}"
    return f"{name}:{text}" if "T" in text else f"{name};VALUE=DATE:{text}"


def calendar(*events: str) -> bytes:
    head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//shop//calendar//JA\r\n"
    return f"{head}{''.join(events)}END:VCALENDAR\r\n".encode()


WHOLE = calendar(
    event("20270813", "20270816", "夏季休業"),
    event(
        "20261125T040000Z",
        "20261125T060000Z",
        "全社会議",
        "RRULE:FREQ=WEEKLY;COUNT=5",
        "EXDATE:20261202T040000Z",
    ),
    event(":Asia/Tokyo:20270110T100000", ":Asia/Tokyo:20270110T150000", "臨時営業"),
)


def taken(*events: str, text: str = HOLIDAYS, first: date = FIRST, last: date = LAST) -> Import:
    found = import_days(FILE, text, None, calendar(*events), first, last)
    load_text(FILE, found.text, STEPS)
    return found


def entries(found: Import) -> dict[str, str]:
    return {f"{entry.part} {entry.key}": entry.value for entry in found.taken}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([event("20270813", "20270816", "夏季休業")], {"closed 2027-08-13 - 2027-08-15": "夏季休業"}),
        ([event("20270601", None, "創立記念日")], {"closed 2027-06-01": "創立記念日"}),
        # Outlook writes whole days as times from midnight to midnight.
        (
            [event(":Asia/Tokyo:20270601T000000", ":Asia/Tokyo:20270602T000000", "創立記念日")],
            {"closed 2027-06-01": "創立記念日"},
        ),
        ([event("20270531T150000Z", "20270601T150000Z", "創立記念日")], {"closed 2027-06-01": "創立記念日"}),
        # 13:00 to 15:00 in Tokyo, told in four ways.
        (
            [event("20261125T040000Z", "20261125T060000Z", "全社会議")],
            {"exceptions 2026-11-25": "10:00-13:00, 15:00-17:00"},
        ),
        (
            [event(":Asia/Tokyo:20261125T130000", ":Asia/Tokyo:20261125T150000", "全社会議")],
            {"exceptions 2026-11-25": "10:00-13:00, 15:00-17:00"},
        ),
        (
            [
                event(
                    ":Tokyo Standard Time:20261125T130000", ":Tokyo Standard Time:20261125T150000", "全社会議"
                )
            ],
            {"exceptions 2026-11-25": "10:00-13:00, 15:00-17:00"},
        ),
        (
            [event("20261125T130000", "20261125T150000", "全社会議")],
            {"exceptions 2026-11-25": "10:00-13:00, 15:00-17:00"},
        ),
        # Half days, and all hours of a day.
        ([event("20261228T130000", "20261228T200000", "大掃除")], {"exceptions 2026-12-28": "10:00-13:00"}),
        ([event("20261125T090000", "20261125T180000", "停電")], {"exceptions 2026-11-25": "closed 停電"}),
        (
            [event("20261125T160000", "20261126T110000", "停電")],
            {"exceptions 2026-11-25": "10:00-16:00", "exceptions 2026-11-26": "11:00-17:00"},
        ),
        # Opens on a holiday, on a Sunday, and shorter.
        ([event("20270111T100000", "20270111T150000", "祝日営業")], {"exceptions 2027-01-11": "10:00-15:00"}),
        ([event("20270110T100000", "20270110T150000", "臨時営業")], {"exceptions 2027-01-10": "10:00-15:00"}),
        ([event("20270111", None, "臨時営業日")], {"exceptions 2027-01-11": "10:00-17:00"}),
        (
            [
                event("20261130T090000", "20261130T120000", "短縮営業"),
                event("20261130T100000", "20261130T103000", "朝礼"),
            ],
            {"exceptions 2026-11-30": "09:00-10:00, 10:30-12:00"},
        ),
        # Opens in the midst of what is closed.
        (
            [event("20261228", "20270104", "冬季休業"), event("20261230T100000", "20261230T120000", "営業")],
            {"closed 2026-12-28 - 2027-01-03": "冬季休業", "exceptions 2026-12-30": "10:00-12:00"},
        ),
        # Recurs: every year, every third Wednesday but one, which is moved.
        (
            [event("20200501", None, "創立記念日", "RRULE:FREQ=YEARLY")],
            {"closed 2027-05-01": "創立記念日"},
        ),
        (
            [
                event(
                    "20260121",
                    None,
                    "定休日",
                    "RRULE:FREQ=MONTHLY;BYDAY=3WE;UNTIL=20270401",
                    "EXDATE;VALUE=DATE:20270120",
                )
            ],
            {"closed 2026-12-16": "定休日", "closed 2027-02-17": "定休日", "closed 2027-03-17": "定休日"},
        ),
        # Begins before the first day.
        ([event("20261120", "20261126", "移転休業")], {"closed 2026-11-20 - 2026-11-25": "移転休業"}),
        ([event("20270601", None, "創立記念日", "STATUS:CANCELLED")], {}),
        ([event("20261120", "20261121", "先週の休業")], {}),
        ([event("20280101", "20280104", "再来年の休業")], {}),
    ],
)
def test_what_is_taken(events: list[str], expected: dict[str, str]) -> None:
    found = taken(*events)
    assert entries(found) == expected
    assert found.left == ()
    assert (found.text == HOLIDAYS) == (not expected)


@pytest.mark.parametrize(
    ("events", "why"),
    [
        (
            [event("20261123", None, "勤労感謝の日"), event("20270111", None, "成人の日")],
            "public holiday, which the hours know",
        ),
        ([event("20261125T190000", "20261125T210000", "忘年会")], "nobody answers at that time anyway"),
        ([event("20261128T100000", "20261128T150000", "棚卸し")], "nobody answers"),
        (
            [event("20261125T100000", "20261125T170000", "通常営業")],
            "the line is open at these times already",
        ),
        ([event("20261128", None, "臨時営業日")], "give the event the times at which it opens"),
        ([event("20261125T100000", "20261127T170000", "臨時営業")], "longer than a day"),
        ([event("20261125T100000", "20261125T120000", "営業会議")], "does it open or close?"),
        ([event("20261125", None, "営業開始日の変更")], "does it open or close?"),
        ([event("20261125", None, "")], "it has no title"),
        ([event("20261125", None, "休" * 61)], "no more than 60 characters"),
        ([event("20261125", None, "{line}の休業")], "without braces"),
        ([event("20261125", "20261120", "休業")], "it ends before it begins"),
        ([event("20261125T100000Z", "20261125T100000Z", "休業")], "or at once"),
        ([event("20261125", "20261126T100000Z", "休業")], "cannot be read"),
        ([event("20261125T100000", "20261126T100000Z", "休業")], "different kinds"),
        (
            [event(":Mars/Base:20261125T100000", ":Mars/Base:20261125T110000", "休業")],
            '"Mars/Base" is not known',
        ),
        ([event("2026-11-25T10", None, "休業")], "cannot be read"),
        ([event("20261125", None, "休業", "RRULE:FREQ=SECONDLY")], "recurs otherwise"),
        ([event("20261125", None, "休業", "RRULE:FREQ=SOMETIMES")], "recurs otherwise"),
    ],
)
def test_what_is_left(events: list[str], why: str) -> None:
    good = event("20270601", None, "創立記念日")
    found = taken(good, *events)
    assert entries(found) == {"closed 2027-06-01": "創立記念日"}
    assert found.left and all(why in unread.why for unread in found.left)


def test_again_changes_nothing_and_a_newer_calendar_changes_what_is_new() -> None:
    events = [
        event("20270813", "20270816", "夏季休業"),
        event("20261125T130000", "20261125T150000", "全社会議"),
        event("20270110T100000", "20270110T150000", "臨時営業"),
    ]
    once = taken(*events)
    again = taken(*events, text=once.text)
    assert (again.text, again.taken) == (once.text, ())
    newer = taken(
        event("20270813", "20270816", "お盆休み"),
        event("20270110T100000", "20270110T160000", "臨時営業"),
        text=once.text,
    )
    assert [(entry.key, entry.before, entry.value) for entry in newer.taken] == [
        ("2027-08-13 - 2027-08-15", "夏季休業", "お盆休み"),
        ("2027-01-10", "10:00-15:00", "10:00-16:00"),
    ]


def test_an_exception_of_the_file_wins_and_is_told() -> None:
    text = changed(WEEKLY, WEEKLY + '    exceptions: {"2027-08-14": "10:00-12:00"}\n')
    found = taken(event("20270813", "20270816", "夏季休業"), text=text)
    assert entries(found) == {"closed 2027-08-13 - 2027-08-15": "夏季休業"}
    assert [unread.why for unread in found.left] == [
        "the exception of 2027-08-14 stands and wins; take it out if it is wrong"
    ]


def test_what_the_hours_say_already_is_not_said_twice() -> None:
    text = changed(WEEKLY, WEEKLY + '    closed: {"12/29-1/3": 年末年始休業}\n')
    found = taken(event("20261229", "20270104", "年末年始休業"), text=text)
    assert found.taken == () and found.text == text
    assert "closed for that reason already" in found.left[0].why


def test_several_hours() -> None:
    text = changed("start: office", '  half: {zone: Asia/Tokyo, weekly: {土: "9:00-12:00"}}\nstart: office')
    data = calendar(event("20261128", None, "棚卸し"))
    with pytest.raises(DialplanError, match="say which: office, half"):
        import_days(FILE, text, None, data, FIRST, LAST)
    with pytest.raises(DialplanError, match='did you mean "half"'):
        import_days(FILE, text, "halff", data, FIRST, LAST)
    found = import_days(FILE, text, "half", data, FIRST, LAST)
    assert (
        '  half: {zone: Asia/Tokyo, weekly: {土: "9:00-12:00"}, closed: {"2026-11-28": 棚卸し}}\n'
        in found.text
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no iCalendar file"),
        (b"\x00\xff\xfe", "not UTF-8"),
        ("BEGIN:VCALENDAR\r\n".encode("utf-16"), "not UTF-8"),
        (b"<html></html>", "no iCalendar file"),
        (WHOLE[:300], "cut off"),
        (b"BEGIN:VCALENDAR\r\nhello\r\nEND:VCALENDAR\r\n", "broken"),
        (calendar() + b" " * 1_000_000, "more than 1000000 bytes"),
        (calendar(*["BEGIN:VEVENT\r\nEND:VEVENT\r\n"] * 2001), "more than 2000 events in one file"),
        (
            calendar(
                *[
                    event("20260101T100000", "20260101T110000", f"会議{n}", "RRULE:FREQ=DAILY")
                    for n in range(9)
                ]
            ),
            "more than 2000 events in this time",
        ),
    ],
)
def test_a_file_that_is_none(data: bytes, words: str) -> None:
    with pytest.raises(CalendarError, match=words):
        import_days(FILE, SHOP, None, data, FIRST, LAST)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR="
        + ",".join(map(str, range(24)))
        + ";BYMINUTE="
        + ",".join(map(str, range(60))),
        "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2",
    ],
)
def test_a_bomb_ends_in_time(rule: str) -> None:
    """Rules that never match, or a million times: within the limits, an answer or a clear error."""
    bombs = [event("19000101T100000", "19000101T110000", f"爆弾{n}", f"RRULE:{rule}") for n in range(150)]
    try:
        found = taken(*bombs)
    except CalendarError as error:
        assert "too much" in str(error) or "more than 2000 events" in str(error)
    else:
        assert found.taken == ()


@pytest.mark.parametrize(("first", "last"), [(LAST, FIRST), (date(2026, 1, 1), date(2030, 1, 1))])
def test_a_range_that_is_none(first: date, last: date) -> None:
    with pytest.raises(CalendarError, match="a day to three years"):
        taken(event("20261125", None, "休業"), first=first, last=last)


# -- the text ---------------------------------------------------------------------------------

LAYOUTS = {
    "none": "",
    "braces": '    closed: {"12/29-1/3": 年末年始休業}   # 毎年\n',
    "empty": "    closed: {}\n",
    "lines": '    closed:   # 会社の休み\n      # 毎年\n      "12/29-1/3": 年末年始休業  # 変更しない\n',
    "several lines in braces": '    closed: {\n      "12/29-1/3": 年末年始休業,  # 毎年\n      "8/13": お盆\n    }\n',
    "deeper": '    closed:\n         "12/29-1/3": "年末年始休業"\n',
    "not last": '    closed: {"12/29-1/3": 年末年始休業}\n    holidays: JP   # 祝日\n',
}
AFTER = "\n    # 例外はここに書く\n\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_everything_else_stays(layout: str, newline: str) -> None:
    text = changed(WEEKLY, WEEKLY + LAYOUTS[layout] + AFTER).replace("\n", newline)
    new = {"2027-08-13 - 2027-08-15": "夏季休業", "2027-06-01": '創立 "50" 周年: 記念日'}
    edited = put(FILE, text, ("hours", "office", "closed"), new)
    before, after = read(FILE, text).tree, read(FILE, edited).tree
    assert isinstance(before, dict) and isinstance(after, dict)
    there = before["hours"]["office"].pop("closed", {})  # type: ignore[index, union-attr, call-arg, arg-type]
    assert after["hours"]["office"].pop("closed") == {**there, **new}  # type: ignore[index, union-attr, call-arg, arg-type]
    assert after == before
    old_lines = [line for line in text.split(newline) if "closed: {" not in line]
    rest = iter([line.rstrip(",") for line in edited.split(newline)])
    assert [line for line in old_lines if line.rstrip(",") not in rest] == [], "in their order"
    for comment in ("# 毎年", "# 会社の休み", "# 変更しない", "# 例外はここに書く", "# 祝日"):
        assert edited.count(comment) == text.count(comment)
    assert edited.count("\r\n") == (edited.count("\n") if newline == "\r\n" else 0)


def test_braces_become_lines_when_they_grow_too_long() -> None:
    text = changed(WEEKLY, WEEKLY + LAYOUTS["braces"])
    short = put(FILE, text, ("hours", "office", "closed"), {"2027-06-01": "創立記念日"})
    assert '    closed: {"12/29-1/3": 年末年始休業, "2027-06-01": 創立記念日}   # 毎年\n' in short
    days = {f"2027-06-{day:02}": "創立記念日" for day in range(1, 5)}
    assert (
        "    closed:  # 毎年\n"
        '      "12/29-1/3": 年末年始休業\n'
        '      "2027-06-01": 創立記念日\n'
        '      "2027-06-02": 創立記念日\n'
        '      "2027-06-03": 創立記念日\n'
        '      "2027-06-04": 創立記念日\n'
        "start: office\n"
    ) in put(FILE, text, ("hours", "office", "closed"), days)


def test_a_value_is_changed_where_it_stands() -> None:
    text = changed(WEEKLY, WEEKLY + LAYOUTS["lines"])
    edited = put(FILE, text, ("hours", "office", "closed"), {"12/29-1/3": "冬季休業"})
    assert edited == text.replace("年末年始休業", "冬季休業")


titles = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=12).filter(
    str.strip
)


@settings(max_examples=150)
@given(layout=st.sampled_from(sorted(LAYOUTS)), new=st.dictionaries(titles, titles, min_size=1, max_size=6))
def test_any_texts_may_be_put_in(layout: str, new: dict[str, str]) -> None:
    text = changed(WEEKLY, WEEKLY + LAYOUTS[layout] + AFTER)
    tree = read(FILE, put(FILE, text, ("hours", "office", "closed"), new)).tree
    assert isinstance(tree, dict)
    closed = tree["hours"]["office"]["closed"]  # type: ignore[index, call-overload]
    assert {key: closed[key] for key in new} == new  # type: ignore[index, call-overload]


# -- fuzz -------------------------------------------------------------------------------------


@settings(max_examples=12)  # a process for each
@given(
    st.binary(max_size=60).map(lambda junk: b"BEGIN:VCALENDAR\r\n" + junk + b"\r\nEND:VCALENDAR\r\n")
    | st.builds(
        lambda at, cut, junk: WHOLE[:at] + junk + WHOLE[at + cut :],
        st.integers(0, len(WHOLE)),
        st.integers(0, 40),
        st.binary(max_size=10)
        | st.sampled_from([b"\r\nRRULE:FREQ=DAILY", b";TZID=Foo", b"END:VEVENT\r\n", b"99999999"]),
    )
)
def test_any_bytes_make_a_sound_file_or_a_clear_error(data: bytes) -> None:
    try:
        found = import_days(FILE, HOLIDAYS, None, data, FIRST, LAST)
    except IvrError as error:
        assert str(error)
    else:
        load_text(FILE, found.text, STEPS)


# -- the command ------------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IVR_DATA", str(tmp_path / "var"))
    monkeypatch.setenv("IVR_DIALPLANS", str(tmp_path / "dialplans"))
    monkeypatch.setenv("IVR_CLOCK_OFFSET", offset_to("2026-11-24 11:00"))
    (tmp_path / "dialplans").mkdir()
    (tmp_path / "dialplans" / "shop.yaml").write_text(HOLIDAYS, "utf-8")
    (tmp_path / "company.ics").write_bytes(WHOLE)
    return tmp_path


def test_command_shows_first_and_writes_when_told(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, words = desk / "dialplans" / "shop.yaml", ["import-days", "shop", str(desk / "company.ics")]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert '+      "2027-08-13 - 2027-08-15": 夏季休業\n' in said and "nothing is written yet" in said
    assert file.read_text("utf-8") == HOLIDAYS
    assert main([*words, "--write", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["written"] is True
    assert told["taken"][0] == {
        "part": "closed",
        "key": "2027-08-13 - 2027-08-15",
        "value": "夏季休業",
        "before": None,
        "title": "夏季休業",
    }
    assert '"2027-01-10": "10:00-15:00"' in file.read_text("utf-8")
    assert main([*words, "--write"]) == 0
    assert "nothing to change" in capsys.readouterr().out


def test_command_never_writes_what_fails_its_check(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = desk / "dialplans" / "shop.yaml"
    (desk / "company.ics").write_bytes(calendar(event("20261124", "20290101", "閉店のため長期休業")))
    for words in (["--write"], []):
        assert main(["import-days", "shop", str(desk / "company.ics"), *words]) == 1
        assert "the line is never open in the 400 days" in capsys.readouterr().err
        assert file.read_text("utf-8") == HOLIDAYS


def test_hours_of_a_shared_file(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = desk / "dialplans"
    own = HOLIDAYS[HOLIDAYS.index("hours:") : HOLIDAYS.index("start:")]
    (folder / "shared").mkdir()
    (folder / "shared" / "japan.yaml").write_text(own, "utf-8")
    (folder / "shop.yaml").write_text(changed(own, "use: [japan]\n", HOLIDAYS), "utf-8")
    assert main(["import-days", "shop", str(desk / "company.ics")]) == 1
    assert "dialplans/shop.yaml has no hours of its own" in capsys.readouterr().err
    assert main(["import-days", "shared/japan", str(desk / "company.ics"), "--write"]) == 0
    assert '"2027-08-13 - 2027-08-15": 夏季休業' in (folder / "shared" / "japan.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["shopp", "company.ics"], "there is no file shopp.yaml"),
        (["shop", "none.ics"], "cannot be read: No such file"),
        (["shop", "company.ics", "--from", "tomorrow"], "write it like 2026-12-28"),
        (["shop", "company.ics", "--hours", "offise"], 'did you mean "office"?'),
    ],
)
def test_wrong_arguments(desk: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    line, file, *more = words
    assert main(["import-days", line, str(desk / file), *more]) == 1
    assert said in capsys.readouterr().err


def test_holidays_command(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["holidays", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "first": 1955,
        "last": 2027,
        "days": 1067,
        "missing": None,
        "differences": [],
        "alarms": [],
    }
    monkeypatch.setenv("IVR_CLOCK_OFFSET", offset_to("2027-03-01 10:00"))
    assert main(["holidays"]) == 0
    assert "祝日一覧に2028年の祝日がありません" in capsys.readouterr().out
    assert main(["holidays", "--update", str(desk / "company.ics")]) == 1
    assert "syukujitsu.csv" in capsys.readouterr().err
