"""Suggestions from what was found, with their times and reasons."""

from collections.abc import Iterator, Sequence

import phonenumbers

from ivr.dialplan.reading import ReadingRules
from ivr.messages.reading import wishes
from ivr.messages.reading.companies import find_company
from ivr.messages.reading.digits import Run
from ivr.messages.reading.numbers import Found, this_number
from ivr.messages.reading.orders import find_order
from ivr.messages.reading.people import find_addressee, find_name
from ivr.messages.reading.result import Compared, Kind, Suggestion
from ivr.messages.reading.said import Said
from ivr.messages.reading.topics import find_priority, find_topics

Span = tuple[int, int]
Made = tuple[Suggestion, Span]  # and the characters it came from
_COMPARED: dict[Compared, str] = {
    "same": "お話の番号で、発信番号と同じです",
    "different": "お話の番号で、発信番号とは異なります",
    "none": "お話の番号です（発信番号はありません）",
}


def suggestions(
    said: Said,
    heard: Sequence[Run],
    found: Sequence[Found],
    kana: str,
    caller: str | None,
    rules: ReadingRules,
) -> list[Made]:
    """In the order of their kinds; at most one of each kind but numbers and topics."""
    made = [
        *_numbers(said, found, caller),
        *_people(said),
        *_order(said, _but_numbers(heard, found), rules),
        *_wishes(said),
    ]
    return [*made, *_topics(said, kana, made, rules)]


def _make(
    said: Said, kind: Kind, value: str, span: Span, reason: str, compared: Compared | None = None
) -> Made:
    start, end = said.times(*span)
    return Suggestion(kind, value, start, end, reason, compared), span


def _numbers(said: Said, found: Sequence[Found], caller: str | None) -> Iterator[Made]:
    given: set[str] = set()
    for one in found:
        if not one.asked or one.e164 in given:
            continue
        given.add(one.e164)
        compared: Compared = "none" if caller is None else "same" if caller == one.e164 else "different"
        reason = _COMPARED[compared] + ("（言い直された番号です）" if one.corrected else "")
        yield _make(said, "number", one.shown, (one.start, one.end), reason, compared)
    if caller is not None and not given and (match := this_number(said.text)):
        yield _make(
            said, "number", _as_written(caller), match.span(), f"「{match[0]}」と話しています", "same"
        )


def _as_written(e164: str) -> str:
    try:
        number = phonenumbers.parse(e164, "JP")
    except phonenumbers.NumberParseException:
        return e164  # a network may send anything
    form = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(
        number, form.NATIONAL if number.country_code == 81 else form.INTERNATIONAL
    )


def _people(said: Said) -> Iterator[Made]:
    addressee, company, name = find_addressee(said), find_company(said), find_name(said)
    if name and not (addressee and addressee.start <= name.start < addressee.end):
        why = f"「{name.said}」の前のお名前です" if name.said else "終わりのお名前です"
        yield _make(said, "name", name.value, (name.start, name.end), why)
    if company:
        yield _make(said, "company", company.value, (company.start, company.end), "名乗りの中の会社名です")
    if addressee:
        why = f"「{addressee.said[:12]}」の前のお名前です"
        yield _make(said, "addressee", addressee.value, (addressee.start, addressee.end), why)


def _but_numbers(heard: Sequence[Run], found: Sequence[Found]) -> list[Run]:
    return [
        run
        for run in heard
        if all(run.end <= one.start or one.end <= run.start or not one.asked for one in found)
    ]


def _order(said: Said, heard: Sequence[Run], rules: ReadingRules) -> Iterator[Made]:
    if order := find_order(said, heard, rules):
        yield _make(said, "order", order.value, (order.start, order.end), order.reason)


def _wishes(said: Said) -> Iterator[Made]:
    if time := wishes.find_time(said.text):
        yield _make(said, "time", time.value, (time.start, time.end), time.reason)
    if reply := wishes.find_reply(said.text):
        yield _make(said, "reply", reply.value, (reply.start, reply.end), reply.reason)
    if urgent := wishes.find_urgent(said.text):
        yield _make(said, "urgent", urgent.value, (urgent.start, urgent.end), urgent.reason)


def _topics(said: Said, kana: str, made: Sequence[Made], rules: ReadingRules) -> Iterator[Made]:
    topics = find_topics(said.text, kana, rules)
    for topic in topics:
        span = (topic.start, topic.end) if topic.end else (0, len(said.text))
        yield _make(said, "topic", topic.name, span, f"「{topic.keyword}」とあります")
    urgent = next((one for one, _ in made if one.kind == "urgent"), None)
    if rule := find_priority(said.text, topics, urgent.value if urgent else None, rules):
        yield _make(said, "priority", rule[0].priority, (0, len(said.text)), rule[1])
