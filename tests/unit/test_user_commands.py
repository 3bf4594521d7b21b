"""`ivr user`: the first admin, roles, a lost second factor; by hand, for whoever runs the machine."""

import json
import re
from pathlib import Path

import pytest

from ivr.cli import main
from ivr.settings import load
from ivr.store.migrate import migrate


@pytest.fixture(autouse=True)
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("IVR_DATA", str(tmp_path)), ("IVR_URL", "https://ivr.example.co.jp")):
        monkeypatch.setenv(name, value)
    migrate(load().database_url)


def ivr(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["user", *arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def listed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(ivr(capsys, "list", "--json")[1])
    return found


def test_the_first_admin_gets_a_link(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("invite", "tanaka", "--role", "admin", "--mail", "Tanaka@Example.co.jp", "--tenant", "ecforce")
    status, link, told = ivr(capsys, *asked)
    assert status == 0 and "24 h" in told
    assert re.fullmatch(r"https://ivr\.example\.co\.jp/password/[A-Za-z0-9_-]{43}\n", link)
    (row,) = listed(capsys)
    assert row.pop("since")
    assert row == {
        "name": "tanaka", "state": "invited", "role": "admin", "tenant": "ecforce",
        "mail": "tanaka@example.co.jp", "second_factor": False,
    }  # fmt: skip


def test_what_is_changed(capsys: pytest.CaptureFixture[str]) -> None:
    assert ivr(capsys, "add", "bob")[0] == 0
    assert ivr(capsys, "set", "bob", "--role", "supervisor", "--mail", "bob@example.co.jp")[0] == 0
    assert ivr(capsys, "disable", "bob")[0] == 0
    row = listed(capsys)[0]
    assert (row["role"], row["mail"], row["state"]) == ("supervisor", "bob@example.co.jp", "disabled")
    status, _, told = ivr(capsys, "reset", "bob")
    assert status == 1 and "the account is closed; open it again first" in told
    assert ivr(capsys, "enable", "bob")[0] == 0
    status, link, told = ivr(capsys, "reset", "bob")
    assert status == 0 and "1 h" in told and "/password/" in link
    assert ivr(capsys, "set", "bob", "--mail", "")[0] == 0
    assert listed(capsys)[0]["mail"] is None
    for name in ("unlock", "forget-factor"):
        assert ivr(capsys, name, "bob")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("invite", "Tanaka Taro"), "a-z"),
        (("invite", "tanaka", "--mail", "tanaka"), "no mail address"),
        (("unlock", "nobody"), "`ivr user list` shows them"),
    ],
)
def test_what_is_wrong_is_said(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    status, _, told = ivr(capsys, *arguments)
    assert status == 1 and said in told and "Traceback" not in told
    assert listed(capsys) == []


def token(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["token", *arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_tokens_are_made_listed_and_revoked(capsys: pytest.CaptureFixture[str]) -> None:
    made = token(capsys, "crm", "--tenant", "ecforce", "--role", "supervisor")[1].strip()
    token(capsys, "prometheus", "--until", "2027-01-31T00:00+09:00")
    rows = json.loads(token(capsys, "list", "--json")[1])
    shown = [(row["name"], row["tenant"], row["role"], row["until"], row["used"]) for row in rows]
    assert shown == [
        ("crm", "ecforce", "supervisor", None, None),
        ("prometheus", None, "agent", "2027-01-31T00:00:00+09:00", None),
    ]
    assert made not in str(rows)
    assert token(capsys, "revoke", rows[0]["id"])[0] == 0
    assert [row["name"] for row in json.loads(token(capsys, "list", "--json")[1])] == ["prometheus"]
    status, _, told = token(capsys, "revoke", rows[0]["id"])
    assert status == 1 and "`ivr token list` shows their ids" in told
    for wrong in (("revoke",), ("crm", "0123456789ab")):
        status, _, told = token(capsys, *wrong)
        assert status != 0 and "write `ivr token revoke ID`" in told
