"""`ivr draw`: every step and every way once, readable, from any dialplan that loads."""

import re
from itertools import combinations
from pathlib import Path
from time import process_time
from xml.etree import ElementTree

import pytest

from ivr.cli import main
from ivr.dialplan import draw
from ivr.dialplan.layout import lay_out
from ivr.dialplan.load import load, load_text
from ivr.steps import STEPS
from tests.dialplans import SHOP, changed
from tests.flows.office import ecforce

MEMBERS = Path(__file__).parents[1] / "flows" / "dialplans" / "members.yaml"
SVG = "{http://www.w3.org/2000/svg}"
MANY = 1000  # as many as a dialplan may have


def test_mermaid() -> None:
    text = changed("name: 山田商店", 'name: 山田"商店', SHOP)
    assert draw.mermaid(load_text("shop.yaml", text, STEPS)).splitlines() == [
        "flowchart TD",
        '    start(["山田#quot;商店"]) --> s0',
        '    s0["office<br/>営業時間"]',
        '    s1["menu<br/>メニュー<br/>お問い合わせは、シャープと1を押してく…"]',
        '    s2["agents<br/>呼び出し<br/>担当者におつなぎいたします。そのままお…"]',
        '    s3["message<br/>留守番電話<br/>{closed_greeting}発信…"]',
        '    s4["thanks<br/>アナウンス<br/>お電話ありがとうございました。"]',
        '    s5["bye<br/>終了"]',
        '    s0 -->|"営業中"| s1',
        '    s0 -->|"営業時間外"| s3',
        '    s1 -->|"#35;1、その他"| s2',
        '    s2 -->|"その他"| s3',
        "    s3 --> s4",
        "    s4 --> s5",
    ]


def test_picture_shows_every_step_and_way_once() -> None:
    plan = ecforce()[0]
    picture = ElementTree.fromstring(draw.svg(plan))
    texts = [each.text for each in picture.iter(f"{SVG}text")]
    assert [texts.count(name) for name in plan.steps] == [1] * len(plan.steps)
    lines = [each for each in picture.iter(f"{SVG}path") if each.get("fill") == "none"]
    ways = {(name, target) for name, step in plan.steps.items() for target in step.exits().values()}
    assert len(lines) == len(ways)
    # Ways that join one on its way end there; each step that anything leads to has an arrow.
    arrows = [each for each in lines if each.get("marker-end")]
    assert len({target for _, target in ways}) <= len(arrows) < len(ways)
    nines = sum("keys.#9" in step.exits() for step in plan.steps.values())
    assert nines >= 3 and texts.count("#9") == nines and "営業時間外" in texts
    width, height = (float(str(picture.get(side))) for side in ("width", "height"))
    boxes = [each for each in picture.iter(f"{SVG}rect") if each.get("rx")]
    assert len(boxes) == len(plan.steps)
    for box in boxes:
        left, top, wide, high = (float(str(box.get(side))) for side in ("x", "y", "width", "height"))
        assert left >= 0 and left + wide <= width and top >= 0 and top + high <= height


def test_boxes_do_not_overlap_and_ways_lead_down() -> None:
    plan = ecforce()[0]
    ways = {name: list(dict.fromkeys(step.exits().values())) for name, step in plan.steps.items()}
    layout = lay_out(ways, plan.start, dict.fromkeys(ways, 100.0), 20.0)
    for one, other in combinations(ways, 2):
        if layout.layer[one] == layout.layer[other]:
            assert abs(layout.x[one] - layout.x[other]) >= 119.9, (one, other)
    assert layout.back == frozenset()
    assert all(layout.layer[name] < layout.layer[target] for name in ways for target in ways[name])
    assert layout.layer["welcome"] == 0 and layout.layer["bye"] == max(layout.layer.values())


def test_every_type_of_step_and_way_has_its_words() -> None:
    assert draw.TYPES.keys() >= STEPS.keys()
    plan = load(MEMBERS, STEPS)
    words = {draw.label(way) for step in plan.steps.values() for way in step.exits()}
    assert words == {"", "その他", "条件1", "条件2", "条件3", "1", "2", "3"}


def test_ways_back_and_to_itself() -> None:
    ways = {"a": ["b", "a"], "b": ["c", "a"], "c": ["b"], "alone": []}
    layout = lay_out(ways, "a", dict.fromkeys(ways, 10.0), 5.0)
    assert layout.back == {("a", "a"), ("b", "a"), ("c", "b")}
    assert [layout.layer[name] for name in ways] == [0, 1, 2, 0]


def test_menu_that_repeats_itself_is_drawn() -> None:
    plan = load_text("shop.yaml", changed('keys: {"#1": agents}', 'keys: {"#1": agents, "#0": menu}'), STEPS)
    picture = ElementTree.fromstring(draw.svg(plan))
    paths = [str(each.get("d")) for each in picture.iter(f"{SVG}path") if each.get("marker-end")]
    assert len([path for path in paths if re.search("H.*V.*H", path)]) == 1


def test_thousand_steps_in_time() -> None:
    body = "".join(
        f'  s{n}: {{type: menu, say: 番号{n}, keys: {{"1": s{n + 1}, "2": s{min(n + 7, MANY - 1)}}}, otherwise: s{n // 2}}}\n'
        for n in range(MANY - 1)
    )
    text = "line: {tenant: t, name: n, numbers: ['050-3185-9080']}\nstart: s0\nsteps:\n"
    plan = load_text("many.yaml", f"{text}{body}  s{MANY - 1}: {{type: hangup}}\n", STEPS)
    begun = process_time()
    picture = draw.svg(plan)
    assert process_time() - begun < 2.0
    assert picture.count("<rect") > MANY


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", "ecforce"]) == 0
    assert capsys.readouterr().out.startswith("flowchart TD\n")
    assert main(["draw", "ecforce", "--svg", str(tmp_path / "flow.svg")]) == 0
    assert ElementTree.parse(tmp_path / "flow.svg").getroot().tag == f"{SVG}svg"


def test_the_step_at_the_end_of_a_visit_says_what_leads_there() -> None:
    plan = load(MEMBERS.with_name("limits.yaml"), STEPS)
    line = (
        '    s10["time_is_up<br/>アナウンス（通話時間の上限）<br/>恐れ入りますが、お時間となりました。お…"]'
    )
    assert line in draw.mermaid(plan).splitlines()
