"""docs/operator/api.md is true: every curl in it works, and every request and failure stands there."""

import re
import shlex
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient

from ivr.web.api.gate import CONFLICTS
from ivr.web.api.routes import OPERATIONS
from tests.web.api_desk import BOSS

PAGE = (Path(__file__).parents[2] / "docs" / "operator" / "api.md").read_text("utf-8")
pytestmark = pytest.mark.usefixtures("programs")


def curls() -> list[list[str]]:
    lines = [line.strip() for line in PAGE.splitlines() if line.startswith("    curl ")]
    return [shlex.split(line.replace("$TOKEN", BOSS).replace("$API", "/api/v1"))[1:] for line in lines]


async def test_every_curl_of_the_page_works_one_after_the_other(visitor: TestClient) -> None:
    found = curls()
    assert len(found) > 8
    for words in found:
        options = dict(zip(words[:-1:2], words[1:-1:2], strict=True))
        headers = [value for option, value in zip(words[::2], words[1::2], strict=False) if option == "-H"]
        data = options.get("-d")
        method = options.get("-X", "GET" if data is None else "POST")
        given = dict(header.split(": ", 1) for header in headers)
        async with visitor.request(method, words[-1], data=data, headers=given) as answer:
            assert answer.status in (200, 201), (words, await answer.text())


def test_every_request_stands_on_the_page() -> None:
    shown = set(re.findall(r"^\| `([A-Z]+ /\S*)` \|", PAGE, re.MULTILINE))
    assert shown == {f"{one.method} {one.path.removeprefix('/api/v1')}" for one in OPERATIONS}


def test_every_conflict_stands_on_the_page() -> None:
    told = PAGE.split("| 409 | |", 1)[1].split("##", 1)[0]
    assert set(re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE)) == CONFLICTS.keys()
