"""The document and the API tried against each other by a program that knows neither: schemathesis, all its checks on."""

import asyncio
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ivr.settings import Settings
from ivr.store.database import Store
from ivr.web.api import gate
from ivr.web.api.routes import OPERATIONS
from ivr.web.app import build_app
from tests.web.api_desk import BOSS, furnish
from tests.web.conftest import StoppedClock
from tests.web.desk import SESSION_KEY
from tests.web.lines import Office

CONFIG = Path(__file__).with_name("schemathesis.toml")
ST = Path(sys.executable).with_name("st")


@pytest.mark.timeout(600)
async def test_schemathesis_finds_nothing(
    office: Office, store: Store, settings: Settings, clock: StoppedClock, tmp_path: Path
) -> None:
    await furnish(store, settings)
    app = build_app(store, settings, clock, session_key=SESSION_KEY)
    answered: dict[str, set[int]] = defaultdict(set)

    async def note(request: web.Request, response: web.StreamResponse) -> None:
        resource = request.match_info.route.resource
        if resource is not None:
            answered[f"{request.method} {resource.canonical}"].add(response.status)

    app.on_response_prepare.append(note)
    async with TestServer(app) as server:
        said = await _tried(str(server.make_url(gate.DOCUMENT)), tmp_path)
    assert "No issues found" in said or " passed" in said, said
    tried = [one for one in OPERATIONS if one.path != gate.RECORDING]
    missed = [name for one in tried if not answered[name := f"{one.method} {one.path}"]]
    assert missed == []
    # Not only refused: each one's success is held by test_web_api_each.py.
    done = [one for one in tried if {200, 201, 204} & answered[f"{one.method} {one.path}"]]
    assert len(done) > len(tried) / 2, sorted({one.path for one in tried} - {one.path for one in done})


async def _tried(document: str, folder: Path) -> str:
    """What it prints. It has run without a finding."""
    command = ("--config-file", str(CONFIG), "run", document, "--header", f"Authorization: Bearer {BOSS}")
    process = await asyncio.create_subprocess_exec(
        str(ST), *command, "--exclude-path", gate.RECORDING,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder,
    )  # fmt: skip
    try:
        said = (await process.communicate())[0].decode()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, said
    return said
