"""What is read out of a message beside its number, each as the issue asks for it."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ivr.dialplan.load import load_all
from ivr.dialplan.reading import ReadingRules
from ivr.messages.reading import Reading, Suggestion, read_message
from ivr.steps import STEPS
from ivr.transcript import Word

MESSAGES = Path(__file__).parents[1] / "data" / "messages"
NONE = ReadingRules()
SHOP = ReadingRules.model_validate(
    {
        "order": ["EC-000000", "00000000"],
        "topics": {
            "決済": ["カード", "引き落とし"],
            "障害": ["止まって", "エラー"],
            "ログイン": ["ログイン", "パスワード"],
        },
        "fillers": ["ほら"],
        "priority": [
            {"priority": "critical", "topic": "障害", "urgent": "true"},
            {"priority": "high", "says": ["個人情報", "やけど"]},
            {"priority": "high", "urgent": "true"},
            {"priority": "low", "topic": "ログイン"},
        ],
    }
)


def read(text: str, rules: ReadingRules = NONE, conf: float = 1.0) -> Reading:
    """`text` as the recogniser gives it, a word every half second."""
    words = [Word(word, i / 2, i / 2 + 0.5, conf) for i, word in enumerate(text.split())]
    return read_message(words, rules, caller="+819012340000")


def one(text: str, kind: str, rules: ReadingRules = NONE) -> Suggestion | None:
    found = [suggestion for suggestion in read(text, rules).suggestions if suggestion.kind == kind]
    assert len(found) < 2
    return found[0] if found else None


def value(text: str, kind: str, rules: ReadingRules = NONE) -> str | None:
    found = one(text, kind, rules)
    return found.value if found else None


# -- the text for reading ---------------------------------------------------------------------


def test_the_text_is_joined_without_fillers_and_with_numbers_as_one_writes_them() -> None:
    reading = read(
        "えーと 株式 会社 山田 商店 の 鈴木 です まあ 番号 は 〇 九 〇 えー 一 二 三 四 の 五 六 七 八 です"
    )
    assert reading.text == "株式会社山田商店の鈴木です番号は090-1234-5678です"
    assert reading.kana == "カブシキガイシャヤマダショウテンノ スズキデス バンゴウハ090-1234-5678デス"


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("あの 件 です けど", "あの件ですけど"),
        ("あの 商品 が 届か ない", "あの商品が届かない"),
        ("あの えっと 解約 を", "解約を"),
        ("えー と 解約 を", "解約を"),
        ("ほら 解約 を", "ほら解約を"),
        ("会員 番号 は 一 二 三 四 五 です", "会員番号は12345です"),
        ("一 つ 二 千 円", "一つ二千円"),
        ("Google の account ID です", "Googleのaccount IDです"),
        ("", ""),
    ],
)
def test_fillers_are_dropped_only_where_they_say_nothing(said: str, text: str) -> None:
    assert read(said).text == text


def test_a_line_has_fillers_of_its_own() -> None:
    assert read("ほら 解約 を", SHOP).text == "解約を"


def test_each_piece_of_the_text_knows_its_words() -> None:
    words = [Word("えー", 0, 1, 0.5), Word("田中", 1, 2, 0.6), Word("です", 2, 3, 1.0)]
    words += [Word(digit, 3, 4, 0.95) for digit in "〇九〇一二三四五六七八"]
    reading = read_message(words, NONE, caller=None)
    assert [(p.text, p.first, p.last, p.doubtful) for p in reading.pieces] == [
        ("田中", 1, 1, True),
        ("です", 2, 2, False),
        ("090-1234-5678", 3, 13, False),
    ]
    assert reading.doubtful == (0, 1)
    assert "".join(piece.text for piece in reading.pieces) == reading.text


def test_it_goes_into_the_store_as_json() -> None:
    told = json.loads(json.dumps(read("田中 です 折り返し お 願い し ます").as_json(), ensure_ascii=False))
    assert told["text"] == "田中です折り返しお願いします" and told["matter"] is False
    assert told["suggestions"][0] == {
        "kind": "name",
        "value": "田中",
        "start": 0.0,
        "end": 0.5,
        "reason": "「です」の前のお名前です",
        "compared": None,
    }


# -- suggestions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("田中 です", "田中"),
        ("田中 と 申し ます", "田中"),
        ("株式 会社 山田 商店 の 田中 です", "田中"),
        ("たなか です", "たなか"),
        ("タナカ と いい ます", "タナカ"),
        ("名前 は 大野 真由美 です", "大野真由美"),
        ("田中 の 家内 です", "田中"),
        ("商品 が 届き ませ ん", None),
        ("届け 先 は 千葉 です", None),
        ("田中 様 の 注文 です", None),
    ],
)
def test_name(text: str, name: str | None) -> None:
    assert value(text, "name") == name


@pytest.mark.parametrize(
    ("text", "company"),
    [
        ("株式 会社 ひまわり の 石川 です", "株式会社ひまわり"),
        ("南青山 ギフト 株式 会社 の 永田 です", "南青山ギフト株式会社"),
        ("山田 商店 の 田中 です", "山田商店"),
        ("サンライズ の 田中 と 申し ます", "サンライズ"),
        ("横浜 の 田中 です", None),
        ("領収 書 の 宛名 を 株式 会社 やまと に 変更 し て ください", None),
    ],
)
def test_company(text: str, company: str | None) -> None:
    assert value(text, "company") == company


@pytest.mark.parametrize(
    ("text", "addressee"),
    [
        ("高橋 様 宛 に お 願い し ます", "高橋"),
        ("山﨑 さん に お 伝え ください", "山﨑"),
        ("たかはし さま に おでんわ ください と おつたえ ください", "たかはし"),
        ("佐藤 さん いらっしゃい ます か", "佐藤"),
        ("佐藤 様 より 紹介 さ れ まし た", None),
    ],
)
def test_addressee(text: str, addressee: str | None) -> None:
    assert value(text, "addressee") == addressee


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("注文 番号 は イーシー の 一 二 三 四 五 六 です", "EC-123456"),
        ("EC 一二三四五六 の 件 です", "EC-123456"),
        ("注文 番号 八 八 二 三 〇 〇 一 九 に つい て", "88230019"),
        ("注文 番号 は 一 二 三 です", None),
    ],
)
def test_order_in_the_shapes_of_the_line(text: str, order: str | None) -> None:
    assert value(text, "order", SHOP) == order


def test_order_without_shapes_stands_after_its_name() -> None:
    assert value("注文 番号 は 五 五 六 六 七 です", "order") == "55667"
    assert value("番号 は 五 五 六 六 七 です", "order") is None


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("お 昼 が 繋がり やすい です", "お昼"),
        ("午後 三 時 以降 に お 電話 ください", "午後三時以降"),
        ("明日 の 午前 中 に お 願い し ます", "明日の午前中"),
        ("三 時 に 改め て おかけ し ます", None),
        ("昨日 三 時 に お 電話 し た 者 です", None),
        ("午前 中 は 出 られ ませ ん", None),
        ("土曜 日 に 予約 を お 願い し ます", None),
        ("明日 の 発表 会 で 使い ます お 願い し ます", None),
    ],
)
def test_convenient_time(text: str, time: str | None) -> None:
    assert value(text, "time") == time


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("折り返し お 願い し ます", "yes"),
        ("折返し ください", "yes"),
        ("おりかえし おねがい し ます", "yes"),
        ("お 電話 ください", "yes"),
        ("折り返し は 不要 です", "no"),
        ("折り返し は 結構 です", "no"),
        ("また かけ ます", "no"),
        ("伝言 です 井上 から 電話 が あっ た と お 伝え ください", None),
        ("先日 お 電話 いただい た 件 です", None),
    ],
)
def test_reply(text: str, reply: str | None) -> None:
    assert value(text, "reply") == reply


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("至急 お 電話 ください", "「至急」：急ぐと話しています"),
        ("今日 中 に お 願い し ます", "「今日中に」：期限が迫っています"),
        ("決済 が 止まっ て い ます", "「決済が止まって」：止まっていると話しています"),
        ("ガス の 臭い が し ます", "「ガスの」：危険があるかもしれません"),
    ],
)
def test_urgent_with_its_reason(text: str, reason: str) -> None:
    urgent = one(text, "urgent")
    assert urgent is not None and urgent.reason == reason


@pytest.mark.parametrize(
    "text",
    ["急ぎ で は あり ませ ん", "急い で い ませ ん", "時計 が 止まっ て い ます", "至急 で は ない です"],
)
def test_not_urgent(text: str) -> None:
    assert value(text, "urgent") is None


def test_topics_by_keyword_in_kanji_or_kana() -> None:
    assert value("カード の 引き落とし が 二 回 あり まし た", "topic", SHOP) == "決済"
    assert value("ぱすわーど を 忘れ まし た", "topic", SHOP) == "ログイン"
    assert value("洗剤 を 二 つ", "topic", SHOP) is None


@pytest.mark.parametrize(
    ("text", "priority", "reason"),
    [
        ("エラー が 出 ます 至急 お 願い し ます", "critical", "話題が「障害」です、「至急」と話しています"),
        ("至急 お 願い し ます", "high", "「至急」と話しています"),
        ("やけど を し まし た", "high", "「やけど」とあります"),
        ("パスワード を 忘れ まし た", "low", "話題が「ログイン」です"),
    ],
)
def test_the_first_rule_that_holds_suggests_the_priority(text: str, priority: str, reason: str) -> None:
    found = one(text, "priority", SHOP)
    assert found is not None
    assert set(found.reason.split("、")) == set(reason.split("、")) and found.value == priority


def test_without_rules_no_priority_is_suggested() -> None:
    assert value("至急 お 願い し ます", "priority") is None


# -- the matter -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "もしもし",
        "折り返し お 願い し ます",
        "おりかえし おねがい し ます",
        "田中 です お 電話 ください",
        "お 世話 に なっ て おり ます 株式 会社 ひまわり の 石川 です また お 電話 し ます",
        "〇 九 〇 一 二 三 四 五 六 七 八 です",
        "先 ほど は どう も",
        "お 聞き し たい こと が あり ます",
        "午後 三 時 以降 に お 電話 ください",
    ],
)
def test_nothing_but_a_call_a_name_a_number_or_silence_is_no_matter(text: str) -> None:
    reading = read(text)
    assert not reading.matter and reading.why


@pytest.mark.parametrize(
    "text",
    [
        "故障",
        "商品 が 届か ない の で 折り返し ください",
        "先日 の 件 です",
        "電話 に 出 ない って どういう こと です か",
        "しょうひん が こわれ まし た",
        "使え ませ ん",
    ],
)
def test_a_matter_is_seen(text: str) -> None:
    assert read(text).matter


# -- the rules --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"order": ["[0-9]+"]}, "is no shape of an order number"),
        ({"order": ["ABC"]}, "is no shape of an order number"),
        ({"priority": [{"priority": "high"}]}, "needs a condition"),
        ({"priority": [{"priority": "high", "topic": "決済"}]}, 'which "topics" does not have'),
        ({"topics": {"決済": []}}, "at least 1 item"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(rules: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ReadingRules.model_validate(rules)


# -- what is measured -------------------------------------------------------------------------


def test_a_third_of_at_least_300_labelled_messages_is_held_out() -> None:
    tuned, heldout = (
        (MESSAGES / f"{part}.txt").read_text("utf-8").splitlines() for part in ("tuned", "heldout")
    )
    assert len(tuned) + len(heldout) >= 300 and 3 * len(heldout) >= len(tuned) + len(heldout)
    assert not set(tuned) & set(heldout)


def test_a_very_long_message_is_read_too() -> None:
    text = " ".join(["商品 が 届き ませ ん の で お 電話 ください"] * 3000)
    assert len(read(text).text) == 51_000


VOCABULARY = sorted(
    {
        word
        for line in (MESSAGES / "tuned.txt").read_text("utf-8").splitlines()
        for word in line[2:].split("|")[0].split()
    }
)
ANY_WORD = st.one_of(
    st.sampled_from(VOCABULARY), st.text(max_size=8), st.text("〇一二三0９十百千のえーいえ", max_size=8)
)


@settings(max_examples=300)
@example(said=["010に", "100十", "0"], conf=1.0)  # abroad
@given(said=st.lists(ANY_WORD, max_size=40), conf=st.floats(0, 1))
def test_whatever_the_recogniser_says_is_read(said: list[str], conf: float) -> None:
    words = [Word(word, i / 2, i / 2 + 0.5, conf) for i, word in enumerate(said)]
    reading = read_message(words, SHOP, caller="+819012340000")
    assert "".join(piece.text for piece in reading.pieces).strip() == reading.text
    assert all(0 <= piece.first <= piece.last < len(words) for piece in reading.pieces)
    assert [piece.first for piece in reading.pieces] == sorted(piece.first for piece in reading.pieces)
    assert all(0 <= one.start < one.end <= len(words) / 2 and one.value for one in reading.suggestions)
    assert reading.why


DIALPLAN = """line:
  tenant: shop
  name: 山田商店
  numbers: ["050-3185-9080"]
  reading:
    order: ["EC-000000"]
    topics:
      障害: [止まって, エラー]
    priority:
      - {topic: 障害, urgent: true, priority: critical}
start: bye
steps:
  bye: {type: hangup}
"""


def test_the_rules_stand_in_the_dialplan_of_the_line(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(DIALPLAN, "utf-8")
    dialplans, problems = load_all(tmp_path, STEPS)
    assert problems == []
    assert (
        value("エラー です 大 至急 お 願い し ます", "priority", next(iter(dialplans.values())).line.reading)
        == "critical"
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("topic: 障害", "topic: 送料", 'asks for the topic "送料", which "topics" does not have'),
        (
            "urgent: true",
            "urgent: yes",
            '10:29: line: reading.priority.urgent: "yes" is not known; there is true',
        ),
        ("EC-000000", "注文", '"注文" is no shape of an order number; write 0 for each digit'),
        ("topics:", "topcis:", 'unknown key "topcis"; did you mean "topics"?'),
    ],
)
def test_a_mistake_in_the_rules_is_told_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    (tmp_path / "shop.yaml").write_text(DIALPLAN.replace(old, new), "utf-8")
    dialplans, problems = load_all(tmp_path, STEPS)
    assert not dialplans and any(said in str(problem) for problem in problems), problems
