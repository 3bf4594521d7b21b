"""A mistake in a dialplan is said where it stands, with the fix, and all at once."""

import hashlib
import os
from datetime import timedelta
from pathlib import Path

import pytest

from ivr.dialplan.load import load, load_all, load_text
from ivr.dialplan.problems import BadDialplan
from ivr.errors import DialplanError
from ivr.steps import STEPS
from tests.dialplans import FILE, SHOP, changed, refused


def test_a_good_dialplan_is_read() -> None:
    dialplan = load_text(FILE, SHOP, STEPS)
    assert dialplan.key == "shop"
    assert dialplan.hash == hashlib.sha256(SHOP.encode()).hexdigest()
    assert dialplan.line.capacity == 2
    assert list(dialplan.steps) == ["office", "menu", "agents", "message", "thanks", "bye"]
    assert dialplan.steps["agents"].max_wait == timedelta(minutes=2)  # type: ignore[attr-defined]


# What is changed in SHOP (old, new), and the only line that is said about it.
MISTAKES = {
    "unknown key": (
        "    otherwise: agents\n",
        "    otherwise: agents\n    timeot: 5s\n",
        '22:5: menu "menu": unknown key "timeot"; there is type, say, keys, otherwise, repeat, replay, spoken, may_speak, wait, wrong, nothing',
    ),
    "unknown key, near": (
        "max_wait: 2m",
        "max_wiat: 2m",
        '25:5: queue "agents": unknown key "max_wiat"; did you mean "max_wait"?',
    ),
    "unknown key at the top": (
        "start: office",
        "strat: office",
        '10:1: unknown key "strat"; did you mean "start"?',
    ),
    "unknown key inside": (
        "priority: medium",
        "prioritet: medium",
        '30:16: voicemail "message": callback: unknown key "prioritet"; did you mean "priority"?',
    ),
    "unknown key of the line": (
        "capacity: 2",
        "capacty: 2",
        '5:3: line: unknown key "capacty"; did you mean "capacity"?',
    ),
    "unknown key of the hours": (
        "    zone: Asia/Tokyo\n",
        "    zone: Asia/Tokyo\n    close: {}\n",
        '9:5: hours "office": unknown key "close"; did you mean "closed"?',
    ),
    "missing": ("    next: thanks\n", "", '27:3: voicemail "message": "next" is missing'),
    "missing at the top": ("start: office\n", "", '1:1: "start" is missing'),
    "missing in the line": ("  name: 山田商店\n", "", '1:1: line: "name" is missing'),
    "no type": (
        "    type: hangup",
        "    kind: hangup",
        '36:3: step "bye": "type" is missing; it is one of play, menu, collect, consent, branch, hours, say_hours, queue, voicemail, callback, transfer, ticket, survey, notify, closing, mailbox, goto, hangup',
    ),
    "unknown type": (
        "type: hangup",
        "type: hangp",
        '37:11: step "bye": unknown type "hangp"; did you mean "hangup"?',
    ),
    "type is a list": (
        "type: hangup",
        "type: [hangup]",
        '37:5: step "bye": the type must be a name; did you mean "hangup"?',
    ),
    "no value": (
        "max_wait: 2m",
        "max_wait:",
        '25:5: queue "agents": max_wait: has no value; write one, or take the line out',
    ),
    "a duration without a unit": (
        "max_wait: 2m",
        "max_wait: 2",
        '25:15: queue "agents": max_wait: "2" has no unit; did you mean "2s"?',
    ),
    "no duration": (
        "max_wait: 2m",
        "max_wait: long",
        '25:15: queue "agents": max_wait: "long" is no duration; write for example "30s", "2m" or "1m30s"',
    ),
    "no telephone key": (
        '"#1": agents',
        '"#a": agents',
        '20:12: menu "menu": keys: "#a" is no telephone key; use digits, "*" (star) and "#" (hash), e.g. "#1"',
    ),
    "the same key in two spellings": (
        '{"#1": agents}',
        '{"*": agents, star: agents}',
        '20:25: menu "menu": keys: "*" and "star" are the same key',
    ),
    "no keys at all": ('{"#1": agents}', "{}", '20:5: menu "menu": keys: at least one entry is needed'),
    "unknown value": (
        "priority: medium",
        "priority: hihg",
        '30:26: voicemail "message": callback.priority: "hihg" is not known; did you mean "high"?',
    ),
    "no due time": (
        "due: 1 business day",
        "due: soon",
        '30:39: voicemail "message": callback.due: "soon" is no due time; write for example "1 business day", "4 business hours" or "15m"',
    ),
    "no number": ("capacity: 2", "capacity: two", '5:13: line: capacity: "two" is no whole number'),
    "too small": ("capacity: 2", "capacity: 0", "5:13: line: capacity: 0 is too small; at least 1"),
    "too large": (
        "capacity: 2",
        "capacity: 99999",
        "5:13: line: capacity: 99999 is too large; at most 10000",
    ),
    "far too large": (
        "capacity: 2",
        f"capacity: {'9' * 5000}",
        "5:13: line: capacity: the number is too large",
    ),
    "no list": (
        '["050-3185-9080"]',
        "050-3185-9080",
        "4:12: line: numbers: a list belongs here; write it in [ ]",
    ),
    "an empty list": ('["050-3185-9080"]', "[]", "4:3: line: numbers: at least one entry is needed"),
    "a list for a text": (
        "name: 山田商店",
        "name: [山田商店]",
        '3:3: line: name: a text belongs here; one that begins with "{" or "[" must stand in quotes',
    ),
    "a list for a duration": (
        "max_wait: 2m",
        "max_wait: [2m]",
        '25:5: queue "agents": max_wait: a text belongs here; one that begins with "{" or "[" must stand in quotes',
    ),
    "a text for keys": (
        "{priority: medium, due: 1 business day}",
        "medium",
        '30:15: voicemail "message": callback: keys with values belong here',
    ),
    "a step that is a text": (
        "\n    type: hangup",
        " hangup",
        '36:8: step "bye": keys with values belong here',
    ),
    "an empty text": (
        "say: お電話ありがとうございました。",
        'say: ""',
        '34:10: play "thanks": say: the text is empty',
    ),
    "a name of a step": (
        "next: bye\n  bye:",
        "next: bye\n  Bye:",
        '36:3: steps: "Bye" is no name for a step; use small letters, digits and "_", beginning with a letter',
    ),
    "no weekday": (
        "月-金",
        "月-キン",
        '9:14: hours "office": weekly: unknown weekday "キン" in "月-キン"; write 月 火 水 木 金 土 日 or mon tue wed thu fri sat sun, a range like 月-金 or a list like 月,水,金; 祝日 for public holidays, 第3水曜 for one week of the month',
    ),
    "no time": (
        '"10:00-17:00"',
        '"10:00~"',
        '9:19: hours "office": weekly.月-金: "10:00-" is not a span of time; write it like 10:00-17:00',
    ),
    "no zone": (
        "Asia/Tokyo",
        "Asia/Tokio",
        '8:11: hours "office": zone: unknown time zone "Asia/Tokio"; did you mean "Asia/Tokyo"?',
    ),
    "no such step": (
        '"#1": agents',
        '"#1": agent',
        '20:18: menu "menu": keys.#1: there is no step "agent"; did you mean "agents"?',
    ),
    "no such step behind a named key": (
        '"#1": agents',
        "star: agent",
        '20:18: menu "menu": keys.star: there is no step "agent"; did you mean "agents"?',
    ),
    "no such start": (
        "start: office",
        "start: offic",
        '10:8: start: there is no step "offic"; did you mean "office"?',
    ),
    "no such hours": (
        "    hours: office",
        "    hours: offce",
        '14:12: hours "office": hours: there are no hours "offce"; did you mean "office"?',
    ),
    "no such hours of a callback": (
        "due: 1 business day",
        "due: 1 business day, hours: night",
        '30:62: voicemail "message": callback.hours: there are no hours "night"; there is office',
    ),
    "given twice": (
        "    max_wait: 2m\n",
        "    max_wait: 2m\n    max_wait: 3m\n",
        '26:5: queue "agents": "max_wait" is given twice; the first one is on line 25',
    ),
    "a step given twice": (
        "  bye:\n",
        "  menu:\n",
        '36:3: steps: "menu" is given twice; the first one is on line 17',
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said_where_it_stands(mistake: str) -> None:
    old, new, said = MISTAKES[mistake]
    assert f"{FILE}:{said}" in refused(changed(old, new))


# Not YAML at all, or YAML that is not read here: the whole text, and the only line that is said.
BROKEN = {
    "empty": ("", "1:1: the file is empty"),
    "only a comment": ("# nothing\n", "1:1: the file is empty"),
    "a text": ("hello", "1:1: this is no dialplan: it has no keys; it needs line, start, steps"),
    "a list": ("- a\n- b\n", "1:1: this is no dialplan: it has no keys; it needs line, start, steps"),
    "a tab": ("line:\n\tname: x\n", "2:1: a tab; indent with spaces"),
    "an open quotation mark": (
        'line:\n  name: "x\n',
        "2:9: a quotation mark is opened here and never closed",
    ),
    "an open brace": (
        "line: {name: x\n",
        '2:1: a "," or "}" is missing; a telephone key such as "#1" must stand in quotes',
    ),
    "a star without quotes": ("keys: {*: x}", '1:8: the key 米印 must stand in quotes: "*"'),
    "an alias": ("a: *b\n", '1:4: aliases ("*name") are not read here; write it out, or put "*" in quotes'),
    "an anchor": ("a: &b c\n", '1:4: anchors ("&name") are not read here; put the text in quotes'),
    "a tag": (
        "a: !!python/object:os.system x\n",
        '1:4: tags ("!name") are not read here; put the text in quotes',
    ),
    "a second document": ("a: b\n---\nc: d\n", '2:1: a second document begins here; take the "---" out'),
    "a colon in a text": (
        "line: a: b\n",
        '1:8: a ":" here; put the text in quotes, or correct the indentation',
    ),
    "a value at the beginning of a text": (
        "say: {line}です。\n",
        '1:12: a text that begins with "{" must stand in quotes',
    ),
    "indentation": ("line:\n  a: b\n c: d\n", "3:2: the indentation does not fit the lines above"),
    "a list as a key": ("[a]: b\n", "1:1: a key must be plain text; put it in quotes"),
    "a NUL": ("line: \0\n", "1:7: a character that cannot stand in YAML; take it out"),
    "an escaped NUL": ('line: "\\0"\n', "1:7: a text with a control character; take it out"),
    "half a surrogate pair": ('line: "\\uD800"\n', "1:7: a text with a control character; take it out"),
    "no such character": ('line: "\\UFFFFFFFF"\n', '1:1: a "\\U" in double quotes names no character'),
    "deep": ("[" * 5000, "1:17: nested more than 16 deep"),
    "deep mappings": ("{a: " * 5000, "1:65: nested more than 16 deep"),
    "too many": ("- x\n" * 30_000, "20000:3: more than 20000 keys and values are too many for one dialplan"),
    "too large": ("x" * 1_000_001, "1:1: the file is larger than 1000000 bytes"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_in_words(name: str) -> None:
    text, said = BROKEN[name]
    assert refused(text) == [f"{FILE}:{said}"]


def test_all_mistakes_of_the_shape_come_at_once_in_the_order_of_the_file() -> None:
    text = changed("capacity: 2", "capacity: two")
    text = changed("max_wait: 2m", "max_wiat: 2m", text)
    text = changed("type: hangup", "type: hangp", text)
    text = changed("start: office", "start: nowhere", text)  # a later phase: not said yet
    assert [line.split(" ")[0] for line in refused(text)] == [
        f"{FILE}:5:13:",
        f"{FILE}:25:5:",
        f"{FILE}:37:11:",
    ]


def test_a_dialplan_of_too_many_steps_is_refused() -> None:
    steps = "".join(f"  s{number}: {{type: hangup}}\n" for number in range(1001))
    assert refused(SHOP + steps) == [f"{FILE}:11:1: steps: too many; at most 1000"]


def test_all_wrong_references_come_at_once() -> None:
    text = changed("start: office", "start: a")
    text = changed("open: menu", "open: b", text)
    text = changed("next: bye", "next: c", text)
    assert [line.split(" ")[0] for line in refused(text)] == [
        f"{FILE}:10:8:",
        f"{FILE}:15:11:",
        f"{FILE}:35:11:",
    ]


# DESIGN.md, "Every scalar is read as text": what plain YAML would spoil.
def test_numbers_keep_their_zero_and_times_stay_times() -> None:
    text = changed('["050-3185-9080"]', "[0312345677, 0312345678]")
    text = changed('{月-金: "10:00-17:00"}', "{月-金: 9:30-17:00}", text)
    dialplan = load_text(FILE, text, STEPS)
    assert dialplan.line.numbers == ("0312345677", "0312345678")
    assert dialplan.hours["office"].weekly == {"月-金": "9:30-17:00"}


@pytest.mark.parametrize(
    ("written", "key"), [("star", "*"), ("米印", "*"), ("hash", "#"), ('"#12"', "#12"), ("7", "7")]
)
def test_a_key_may_be_written_by_name(written: str, key: str) -> None:
    menu = load_text(FILE, changed('"#1": agents', f"{written}: agents"), STEPS).steps["menu"]
    assert menu.keys == {key: "agents"}  # type: ignore[attr-defined]


def test_a_line_that_begins_with_hash_is_pointed_out_beside_the_error_it_causes() -> None:
    text = changed('{"#1": agents}', "\n      #1: agents")
    assert refused(text) == [
        f'{FILE}:20:5: menu "menu": keys: has no value; write one, or take the line out',
        f'{FILE}:21:7: warning: "#1: agents" is a comment, for "#" begins one; a telephone key must stand in quotes',
    ]


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_bytes("line:\n  name: 山田\n".encode("cp932"))
    with pytest.raises(BadDialplan) as caught:
        load(path, STEPS)
    assert str(caught.value) == f"{path}:2:9: this is not UTF-8 but Shift_JIS; save the file as UTF-8"


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SHOP.encode())
    assert load(path, STEPS).hash == load_text(FILE, SHOP, STEPS).hash


def test_a_file_that_is_not_there_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(BadDialplan) as caught:
        load(tmp_path / "shop.yaml", STEPS)
    assert (
        str(caught.value) == f"{tmp_path}/shop.yaml:1:1: the file cannot be read: No such file or directory"
    )


def test_a_file_name_must_do_as_a_key(tmp_path: Path) -> None:
    with pytest.raises(BadDialplan, match='"Shop 1" is no name for a dialplan'):
        load_text("dialplans/Shop 1.yaml", SHOP, STEPS)


def test_a_directory_gives_the_good_ones_and_the_problems_of_the_others(tmp_path: Path) -> None:
    directory = tmp_path / "dialplans"
    directory.mkdir()
    (directory / "good.yaml").write_text(SHOP, "utf-8")
    (directory / "bad.yaml").write_text("", "utf-8")
    (directory / ".hidden.yaml").write_text("", "utf-8")
    (directory / "schema.json").write_text("{}", "utf-8")
    dialplans, problems = load_all(directory, STEPS)
    assert list(dialplans) == ["dialplans/good.yaml"]
    assert [str(problem) for problem in problems] == ["dialplans/bad.yaml:1:1: the file is empty"]


@pytest.mark.parametrize("make", [os.mkdir, lambda _: None])
def test_a_directory_without_dialplans_is_no_desk_without_lines(make: object, tmp_path: Path) -> None:
    make(tmp_path / "dialplans")  # type: ignore[operator]
    with pytest.raises(DialplanError):
        load_all(tmp_path / "dialplans", STEPS)
