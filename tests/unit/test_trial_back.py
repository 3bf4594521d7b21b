"""The trunk of a trial: calls that go out reach the telephone of `ivr answer`, until the operator has trunks."""

import asyncio
import fcntl
from pathlib import Path

import pytest

from ivr.asterisk.trunks import LiveTrunks, outside_of
from ivr.errors import Conflict
from ivr.outside import Way
from ivr.settings import load
from ivr.trial.answer import answer, write_trunk
from ivr.trunks.load import load_trunks

DESK = """\
line: {tenant: shop, name: 総合受付, numbers: ["03-1234-5678", "050-3185-9080"]}
start: thanks
steps:
  thanks: {type: play, say: お電話ありがとうございました。, next: bye}
  bye: {type: hangup}
"""


def environ(tmp_path: Path, **more: str) -> dict[str, str]:
    (tmp_path / "dialplans").mkdir(exist_ok=True)
    (tmp_path / "dialplans" / "desk.yaml").write_text(DESK, "utf-8")
    return {
        "IVR_DATA": str(tmp_path / "data"),
        "IVR_DIALPLANS": str(tmp_path / "dialplans"),
        "IVR_SIP": "0.0.0.0:5070",
        **more,
    }


def test_it_rings_this_machine_with_the_number_of_the_line(tmp_path: Path) -> None:
    assert load(environ(tmp_path)).trunks is None
    write_trunk(load(environ(tmp_path)))
    settings = load(environ(tmp_path))
    trunks, problems = load_trunks(settings.trunks, settings.trunk_passwords)
    assert problems == []
    assert trunks.by_name["trial"].model.host == "127.0.0.1:5076"
    outside = outside_of(settings, LiveTrunks(settings))
    way = Way("PJSIP/09012345678@trunk.trial", "05031859080", "trunk.trial", 1000)
    assert outside.to_person("+819012345678", "+815031859080") == way
    assert outside.to_person("+81570012345", "+815031859080") == "never"


@pytest.mark.parametrize("own", [{"IVR_OUTBOUND": "PJSIP/{number}@mine"}, {"IVR_TRUNKS": "mine.yaml"}])
def test_what_the_operator_has_said_wins(tmp_path: Path, own: dict[str, str]) -> None:
    write_trunk(load(environ(tmp_path)))
    settings = load(environ(tmp_path, **own))
    assert settings.trunks != settings.trial_trunks


async def test_a_second_one_is_told_that_there_is_one(tmp_path: Path) -> None:
    """The customer's telephone has one place; two would wait for each other's calls."""
    write_trunk(load(environ(tmp_path)))
    asterisk = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = asterisk.sockets[0].getsockname()[1]
    settings = load(environ(tmp_path, IVR_ARI=f"127.0.0.1:{port}"))
    settings.run.mkdir(parents=True)
    async with asterisk:
        with (settings.run / "answer.lock").open("w") as first:
            fcntl.flock(first, fcntl.LOCK_EX)
            with pytest.raises(Conflict, match="another `ivr answer` is waiting for a call; end it first"):
                await answer(settings, "090-1234-5678", agent="admin", busy=False, out=None, report=print)
    assert not (tmp_path / "data" / "trial").exists(), "nothing is left behind"
