"""Shared files: what a dialplan takes from them, what is wrong with them, and how a version keeps them."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from ivr.dialplan.check import check_all
from ivr.dialplan.load import load, load_all, load_text
from ivr.dialplan.problems import BadDialplan
from ivr.dialplan.shared import split_source
from ivr.explain import explain
from ivr.steps import STEPS
from tests.dialplans import SHOP, TODAY, changed
from tests.unit.test_explain import at

JAPAN = """\
hours:
  office:
    zone: Asia/Tokyo
    weekly: {月-金: "10:00-17:00"}
  hotline:
    zone: Asia/Tokyo
    weekly: {月-日: "0:00-24:00"}
groups:
  shop: {name: 店}
"""
THANKS = """\
prompts:
  thanks: お電話ありがとうございました。
steps:
  thanks: {type: play, say: "承りました。{prompts.thanks}", next: bye}
  bye: {type: hangup}
  unused: {type: play, say: ほかの店だけが使います。, next: elsewhere}
"""
OWN_HOURS = SHOP[SHOP.index("hours:\n") : SHOP.index("start:")]
OWN_END = SHOP[SHOP.index("  thanks:\n") :]
USING = "use: [japan, thanks]\n" + SHOP.replace(OWN_HOURS, "").replace(OWN_END, "")


def desk(folder: Path, shop: str = USING, **shared: str | bytes) -> Path:
    directory = folder / "dialplans"
    (directory / "shared").mkdir(parents=True)
    (directory / "shop.yaml").write_text(shop, "utf-8")
    for name, content in ({"japan": JAPAN, "thanks": THANKS} | shared).items():
        data = content.encode() if isinstance(content, str) else content
        (directory / "shared" / f"{name}.yaml").write_bytes(data)
    return directory


def said(directory: Path) -> list[str]:
    """What `ivr check` says of the directory."""
    dialplans, problems = load_all(directory, STEPS)
    return [str(problem) for problem in [*problems, *check_all(dialplans, TODAY)]]


def another(directory: Path, text: str = USING, number: str = "050-3185-9081") -> None:
    (directory / "other.yaml").write_text(text.replace("050-3185-9080", number), "utf-8")


def test_hours_groups_prompts_and_steps_come_from_shared_files(tmp_path: Path) -> None:
    directory = desk(tmp_path)
    assert said(directory) == []
    shop = load(directory / "shop.yaml", STEPS)
    assert list(shop.hours) == ["office"], "hours that no step names are of no matter to the line"
    assert list(shop.steps) == ["office", "menu", "agents", "message", "thanks", "bye"]
    assert shop.groups["shop"].name == "店"
    assert shop.steps["thanks"].says() == {"say": "承りました。お電話ありがとうございました。"}


def test_a_dialplan_that_uses_nothing_keeps_its_source(tmp_path: Path) -> None:
    directory = desk(tmp_path, SHOP)
    shop = load(directory / "shop.yaml", STEPS)
    assert shop.source == SHOP and shop.files == (str(directory / "shop.yaml"),)


def test_a_version_holds_all_its_files_and_reads_back(tmp_path: Path) -> None:
    directory = desk(tmp_path)
    shop = load(directory / "shop.yaml", STEPS, "shop.yaml")
    assert split_source(shop.source) == {"": USING, "shared/japan.yaml": JAPAN, "shared/thanks.yaml": THANKS}
    stored = load_text("shop.yaml", shop.source, STEPS)
    assert stored == shop
    assert stored.files == ("shop.yaml", "shared/japan.yaml", "shared/thanks.yaml")


def test_files_without_a_last_newline_read_back(tmp_path: Path) -> None:
    directory = desk(tmp_path, USING.rstrip("\n"), thanks=THANKS.rstrip("\n"))
    shop = load(directory / "shop.yaml", STEPS, "shop.yaml")
    assert load_text("shop.yaml", shop.source, STEPS) == shop


def test_a_change_in_a_shared_file_changes_every_line_that_uses_it(tmp_path: Path) -> None:
    directory = desk(tmp_path)
    another(directory)
    (directory / "alone.yaml").write_text(SHOP.replace("050-3185-9080", "050-3185-9082"), "utf-8")
    before = {plan.key: plan.hash for plan in load_all(directory, STEPS)[0].values()}
    (directory / "shared" / "japan.yaml").write_text(JAPAN.replace("17:00", "18:00"), "utf-8")
    after = {plan.key: plan.hash for plan in load_all(directory, STEPS)[0].values()}
    assert {key for key in before if before[key] != after[key]} == {"shop", "other"}


# name -> shared files that differ, what is said
WRONG_INSIDE = {
    "syntax": ({"japan": "hours: {"}, "1:9: this is no YAML"),
    "not UTF-8": ({"japan": "hours: 営業".encode("cp932")}, "1:8: this is not UTF-8 but Shift_JIS; save"),
    "empty": ({"japan": ""}, "1:1: the file is empty"),
    "a text": (
        {"japan": "hello"},
        "1:1: this is no dialplan: it has no keys; it may have use, hours, groups, prompts, steps",
    ),
    "unknown key": (
        {"japan": JAPAN.replace("hours:", "hourz:")},
        '1:1: unknown key "hourz"; did you mean "hours"?',
    ),
    "a line": (
        {"japan": f"line: {{}}\n{JAPAN}"},
        '1:1: unknown key "line"; there is use, hours, groups, prompts, steps',
    ),
    "hours": (
        {"japan": JAPAN.replace("月-日", "月-曜")},
        '7:14: hours "hotline": weekly: unknown weekday "曜"',
    ),
    "group": (
        {"japan": JAPAN.replace("{name: 店}", "{nmae: 店}")},
        '9:10: group "shop": unknown key "nmae"; did you mean "name"?',
    ),
    "prompt name": (
        {"thanks": THANKS.replace("  thanks: お", "  Thanks: お")},
        '2:3: prompts: "Thanks" is no name for a prompt; use small letters',
    ),
    "prompt in a prompt": (
        {"thanks": THANKS.replace("お電話ありがとうございました。", '"{prompts.bye}。"')},
        '2:11: prompt "thanks": a prompt cannot hold another one',
    ),
    "step": (
        {"thanks": THANKS.replace("bye: {type: hangup}", "bye: {type: hangp}")},
        '5:15: step "bye": unknown type "hangp"; did you mean "hangup"?',
    ),
    "step name": (
        {"thanks": THANKS.replace("  bye:", "  Bye:")},
        '5:3: steps: "Bye" is no name for a step',
    ),
    "use": (
        {"thanks": f"use: [jpan]\n{THANKS}"},
        '1:7: use: there is no file "dialplans/shared/jpan.yaml"; did you mean "japan"?',
    ),
    "marker": (
        {"thanks": f"--- # shared/japan.yaml\n{THANKS}"},
        '1:1: take out this line: "--- # shared/japan.yaml"',
    ),
    "alias bomb": ({"japan": "a: &a [x]\nb: [*a, *a]\n"}, '1:4: anchors ("&name") are not read here'),
    "too large": ({"japan": "# " + "x" * 10_000_000}, "1:1: the file is larger than 1000000 bytes"),
}


@pytest.mark.parametrize("mistake", WRONG_INSIDE)
def test_a_mistake_in_a_shared_file_is_said_there_and_once(tmp_path: Path, mistake: str) -> None:
    shared, message = WRONG_INSIDE[mistake]
    directory = desk(tmp_path, **shared)
    another(directory)
    (name,) = shared
    found = said(directory)
    inside = [line for line in found if line.startswith(f"dialplans/shared/{name}.yaml:")]
    assert sum(line.startswith(f"dialplans/shared/{name}.yaml:{message}") for line in inside) == 1
    assert len(inside) == len(set(inside))
    assert [line for line in found if line not in inside] == [
        f"dialplans/{user}.yaml:1:{7 if name == 'japan' else 14}: use: dialplans/shared/{name}.yaml has errors"
        for user in ("other", "shop")
    ]


@pytest.mark.parametrize("mistake", WRONG_INSIDE)
def test_a_shared_file_that_nobody_uses_is_checked_all_the_same(tmp_path: Path, mistake: str) -> None:
    shared, message = WRONG_INSIDE[mistake]
    directory = desk(tmp_path, SHOP, **shared)
    dialplans, problems = load_all(directory, STEPS)
    assert list(dialplans) == ["dialplans/shop.yaml"]
    assert any(f"dialplans/shared/{next(iter(shared))}.yaml:{message}" in str(each) for each in problems)


# What the dialplan is -> what is said of it; the shared files are those above.
WRONG_USES = {
    "unknown file": (
        USING.replace("[japan,", "[jpan,"),
        '1:7: use: there is no file "dialplans/shared/jpan.yaml"; did you mean "japan"?',
    ),
    "a way out of the folder": (
        USING.replace("[japan,", "[../shop,"),
        '1:7: use: there is no file "dialplans/shared/../shop.yaml"; there is japan, thanks',
    ),
    "no list": (
        USING.replace("[japan, thanks]", "japan"),
        "1:6: use: a list belongs here; write it in [ ]",
    ),
    "a step twice": (
        f"{USING}  bye: {{type: hangup}}\n",
        '29:3: hangup "bye": is given twice; the other one stands in dialplans/shared/thanks.yaml:5:3',
    ),
    "hours twice": (
        USING.replace("start:", f"{OWN_HOURS}start:"),
        '8:3: hours "office": is given twice; the other one stands in dialplans/shared/japan.yaml:2:3',
    ),
    "unknown group": (
        USING.replace("agents: shop", "agents: shpo"),
        '21:13: queue "agents": agents: there is no group "shpo"; did you mean "shop"?',
    ),
    "unknown prompt": (
        USING.replace("発信音の後に", "{prompts.thank}発信音の後に"),
        '26:10: voicemail "message": say: there is no prompt "thank"; did you mean "thanks"?',
    ),
    "unknown hours": (
        USING.replace("hours: office", "hours: hotlin"),
        '11:12: hours "office": hours: there are no hours "hotlin"; did you mean "hotline"?',
    ),
    "a step that a shared one needs": (
        USING.replace("next: thanks", "next: unused"),
        '1:14: use: it needs what is not here: dialplans/shared/thanks.yaml:6:49: play "unused": next: '
        'there is no step "elsewhere"',
    ),
}


@pytest.mark.parametrize("mistake", WRONG_USES)
def test_a_wrong_use_is_said_in_the_dialplan(tmp_path: Path, mistake: str) -> None:
    text, message = WRONG_USES[mistake]
    assert text != USING
    found = said(desk(tmp_path, text))
    assert [line for line in found if line.startswith(f"dialplans/shop.yaml:{message}")] == found[:1]


def test_a_name_in_two_shared_files_names_both_places(tmp_path: Path) -> None:
    directory = desk(tmp_path, thanks=THANKS + JAPAN)
    assert said(directory) == [
        'dialplans/shop.yaml:1:1: use: "office" is given twice under "hours": in dialplans/shared/japan.yaml:2:3'
        " and in dialplans/shared/thanks.yaml:8:3",
        'dialplans/shop.yaml:1:1: use: "hotline" is given twice under "hours": in dialplans/shared/japan.yaml:5:3'
        " and in dialplans/shared/thanks.yaml:11:3",
        'dialplans/shop.yaml:1:1: use: "shop" is given twice under "groups": in dialplans/shared/japan.yaml:9:3'
        " and in dialplans/shared/thanks.yaml:15:3",
    ]


def test_shared_files_use_each_other_but_not_in_a_circle(tmp_path: Path) -> None:
    text = USING.replace("[japan, thanks]", "[thanks]")
    good = desk(tmp_path / "good", text, thanks=f"use: [japan]\n{THANKS}")
    assert said(good) == []
    bad = desk(tmp_path / "bad", text, thanks=f"use: [japan]\n{THANKS}", japan=f"use: [thanks]\n{JAPAN}")
    assert said(bad) == [
        "dialplans/shared/japan.yaml:1:7: use: these files use each other in a circle: japan -> thanks -> japan",
        "dialplans/shop.yaml:1:1: use: dialplans/shared/japan.yaml has errors",
        "dialplans/shop.yaml:1:7: use: dialplans/shared/thanks.yaml has errors",
    ]


def test_hundreds_of_files_that_use_one_another_are_read(tmp_path: Path) -> None:
    chain = {f"f{number}": f"use: [f{number + 1}]\n" for number in range(350)}
    directory = desk(tmp_path, f"use: [f0]\n{SHOP}", **chain, f350="prompts: {last: 最後です。}\n")
    assert len(load(directory / "shop.yaml", STEPS).files) == 352


def test_groups_are_free_where_none_is_declared(tmp_path: Path) -> None:
    assert said(desk(tmp_path, japan=JAPAN.partition("groups:")[0])) == []


def test_own_groups_and_prompts_stand_in_the_dialplan(tmp_path: Path) -> None:
    text = changed("start: office\n", "groups: {shop: {name: 店}}\nprompts: {bye: では。}\nstart: office\n")
    text = changed("お電話ありがとうございました。", '"お電話ありがとうございました。{prompts.bye}"', text)
    shop = load(desk(tmp_path, text) / "shop.yaml", STEPS)
    assert shop.steps["thanks"].says() == {"say": "お電話ありがとうございました。では。"}
    with pytest.raises(BadDialplan, match='there is no group "shop"; did you mean "shops"'):
        load_text("shop.yaml", changed("groups: {shop:", "groups: {shops:", text), STEPS)


def test_what_a_check_finds_in_a_shared_file_is_said_once(tmp_path: Path) -> None:
    directory = desk(tmp_path, thanks=THANKS.replace("承りました。", "{lime}"))
    another(directory)
    place = 'dialplans/shared/thanks.yaml:4:29: play "thanks": say: unknown value "{lime}"'
    assert [line.partition(";")[0] for line in said(directory)] == [place]


def test_what_only_one_of_the_users_lacks_names_it(tmp_path: Path) -> None:
    directory = desk(tmp_path, thanks=THANKS.replace("承りました。", "{member}"))
    asked = "  ask: {type: collect, name: member, say: 番号をどうぞ。, next: message, otherwise: message}\n"
    another(directory, USING.replace("closed: message", "closed: ask") + asked)
    (line,) = said(directory)
    assert line.startswith("dialplans/shared/thanks.yaml:4:29: ")
    assert line.endswith(" (used by dialplans/shop.yaml)")


def test_explain_names_the_rule_in_the_shared_file(tmp_path: Path) -> None:
    directory = desk(tmp_path)
    shop = load_all(directory, STEPS)[0]["dialplans/shop.yaml"]
    told = explain("dialplans/shop.yaml", shop, at("2026-11-24T11:00"))
    assert told.rule == "dialplans/shared/japan.yaml:4:14: weekly 月-金: 10:00-17:00"


def test_a_shared_file_that_cannot_be_read_is_an_error_and_hidden_files_are_none(tmp_path: Path) -> None:
    directory = desk(tmp_path)
    (directory / "shared" / "japan.yaml").unlink()
    (directory / "shared" / "japan.yaml").mkdir()
    (directory / "shared" / ".japan.yaml.swp").write_bytes(b"\xff")
    (directory / "shared" / "Big Words.yaml").write_text(JAPAN, "utf-8")
    assert _places(said(directory)) == [
        "dialplans/shared/Big Words.yaml:1:1",
        "dialplans/shared/japan.yaml:1:1",
        "dialplans/shop.yaml:1:7",
    ]


def _places(lines: Iterable[str]) -> list[str]:
    return sorted(line.partition(": ")[0] for line in lines)
