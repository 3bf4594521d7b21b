"""Telephones outside before anything is live: what `ivr check` says, what `ivr simulate` plays and saves."""

import json
from pathlib import Path

import pytest

from ivr import settings
from ivr.cli import main
from ivr.dialplan.check import check_all
from ivr.dialplan.load import load_text
from ivr.errors import SettingsError
from ivr.outside import Outside
from ivr.steps import STEPS
from tests.dialplans import FILE, SHOP, TODAY, changed, checked, refused
from tests.fakes.virtual_time import in_virtual_time
from tests.flows.scenarios import DIALPLANS, Scenario, heard_names, read
from tests.flows.test_scenarios import check

TRUNK = "PJSIP/{number}@trunk"
TRANSFER = changed(
    "  agents:\n    type: queue\n    agents: shop\n    max_wait: 2m\n",
    "  agents:\n    type: transfer\n    to: 03-1234-5678\n",
    SHOP,
)


def problems(outside: Outside, text: str = TRANSFER) -> list[str]:
    return [str(each) for each in check_all({FILE: load_text(FILE, text, STEPS)}, TODAY, outside=outside)]


def test_a_number_that_the_operator_has_not_allowed_is_an_error() -> None:
    assert problems(Outside(("03-1234-5679",), TRUNK)) == [
        f'{FILE}:24:9: transfer "agents": to: calls may not be transferred to 0312345678; '
        "the operator allows it by IVR_TRANSFERS"
    ]
    assert problems(Outside(("03-1234-5678",), TRUNK)) == []
    assert checked(TRANSFER) == [], "for a line that is only tried, the operator's list does not matter"


def test_without_a_trunk_there_is_no_transfer() -> None:
    assert problems(Outside(("03-1234-5678",))) == [
        f'{FILE}:24:9: transfer "agents": to: no way leads to telephones outside; '
        "the operator gives one by IVR_TRUNKS or IVR_OUTBOUND"
    ]


@pytest.mark.parametrize("number", ["0990-123456", "0570-012345", "020-1234-5678"])
def test_some_numbers_are_never_allowed(number: str) -> None:
    text = changed("03-1234-5678", number, TRANSFER)
    (said,) = problems(Outside(("0*",), TRUNK), text)
    assert "calls are never transferred to" in said


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("110", '"110" is an emergency number'),
        ("+1 212 555 1234", '"+1 212 555 1234" is no Japanese telephone number'),
        ("head office", '"head office" is no Japanese telephone number'),
    ],
)
def test_what_is_no_number_is_told(to: str, said: str) -> None:
    (problem,) = refused(changed("03-1234-5678", to, TRANSFER))
    assert problem.startswith(f"{FILE}:24:9: ") and said in problem


ELSEWHERE = changed("    to: 03-1234-5678\n    otherwise: message\n", "    line: eccall\n", TRANSFER)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    line: eccall\n", "", 'it needs either "to", a telephone number, or "line", another line'),
        ("line: eccall", "line: eccall\n    to: 03-1234-5678", 'it needs either "to", a telephone number'),
        ("line: eccall", "to: 03-1234-5678", '"otherwise" is missing: where a caller goes'),
        ("line: eccall", "line: eccall\n    ring: 20s", '"ring" says nothing about another line'),
        ("line: eccall", "line: eccall\n    next: message", '"next" says nothing about another line'),
    ],
)
def test_a_number_or_a_line(old: str, new: str, said: str) -> None:
    (problem,) = refused(changed(old, new, ELSEWHERE))
    assert said in problem and 'transfer "agents"' in problem
    assert refused(ELSEWHERE) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [("IVR_TRANSFERS", "abc"), ("IVR_TRANSFERS", "03-1234-5678, *"), ("IVR_OUTBOUND", "PJSIP/trunk")],
)
def test_a_wrong_setting_is_named(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=name):
        settings.load({name: text})


def test_the_settings_are_read() -> None:
    found = settings.load({"IVR_TRANSFERS": "03-1234-5678, 050-3185-*", "IVR_OUTBOUND": TRUNK})
    assert (found.transfers, found.outbound) == (("03-1234-5678", "050-3185-*"), TRUNK)
    assert (settings.load({}).transfers, settings.load({}).outbound) == ((), "")


@pytest.mark.parametrize(
    "words",
    [
        ["--keys", "11"],
        ["--keys", "1,2,0312345678#,1"],
        ["--keys", "1,0312345678#,1", "--caller", "anonymous"],
        ["--keys", "2"],
        ["--keys", "2", "--busy", "--say", "田中です"],
        ["--keys", "2", "--nobody", "--say", "田中です"],
    ],
)
def test_a_saved_session_replays(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IVR_DIALPLANS", str(DIALPLANS))
    file = tmp_path / "saved.yaml"
    line = ["simulate", "contact", "--at", "2026-11-24T11:00"]
    assert main([*line, *words, "--json", "--save", str(file)]) == 0
    told = json.loads(capsys.readouterr().out)
    [scenario] = read("contact", file.read_text())
    assert scenario.expected()[0].outcome == told["outcome"]
    in_virtual_time(_replay)(scenario)


async def _replay(scenario: Scenario) -> None:
    await check(scenario)
    office = scenario.office()
    await office.serve()
    assert scenario.expected()[0].heard in (None, heard_names(office.visits[0]))
