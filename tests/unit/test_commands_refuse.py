"""What a command cannot do it says in one line, with what to do instead; never with a traceback."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def nothing_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_DATA", str(tmp_path))
    monkeypatch.setenv("IVR_CONFIG", "")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("callbacks", 1, "has not been set up"),
        ("simulate nope", 1, 'there is no line "nope"'),
        ("simulate ecforce --agents support=x", 2, "support=1,billing=0"),
        ("simulate ecforce --caller 12ab", 2, "like 050-3185-9080"),
        ("draw ecforce --svg /nowhere/a.svg", 1, "/nowhere/a.svg: No such file or directory"),
        ("numbers bar incoming abc --tenant a --reason b", 2, "like 090-1234-5678"),
    ],
)
def test_one_line_says_what_to_do(
    words: str, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == status
    told = capsys.readouterr().err
    assert told.startswith("ivr: ") and said in told and told.count("\n") == 1


def test_a_file_of_settings_in_another_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ivr.env"
    file.write_bytes("IVR_MAIL_FROM=折り返し窓口 <a@example.jp>".encode("cp932"))
    monkeypatch.setenv("IVR_CONFIG", str(file))
    assert main(["calls"]) == 78
    assert capsys.readouterr().err == f"ivr: {file} is not UTF-8; save the file as UTF-8\n"


@pytest.mark.parametrize("url", ["mysql://localhost/ivr", "sqlite://", "nothing"])
def test_another_kind_of_database(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IVR_DATABASE", url)
    assert main(["calls"]) == 78
    assert "write sqlite:///FILE or postgresql://…" in capsys.readouterr().err


def test_a_database_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ivr.db").write_bytes(b"what a disk gives back " * 500)
    assert main(["calls"]) == 1
    assert "is damaged (file is not a database); restore a backup" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("token api --until tomorrow", "like 2027-01-31T00:00+09:00"),
        ("callbacks --limit 0", '"0" is no whole number from 1 on'),
        ("agent add a --group b --wrap-up -3", '"-3" is no whole number from 0 on'),
    ],
)
def test_arguments_are_refused_with_an_example(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("name", "setting"), [("web", "IVR_HTTP"), ("transcriber", "IVR_TRANSCRIBER")])
def test_an_address_that_is_in_use(tmp_path: Path, name: str, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ivr = [sys.executable, "-m", "ivr.cli"]
        env = {**os.environ, "IVR_DATA": str(tmp_path), setting: address}
        if name == "web":
            subprocess.run([*ivr, "prepare"], cwd=ROOT, env=env, check=True)
        done = subprocess.run(
            [*ivr, "process", name], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert address in last and "Address already in use; end what uses it" in last
    assert "Traceback" not in done.stderr
