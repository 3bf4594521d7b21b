import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from playwright.async_api import Browser

from ivr.settings import Settings, load
from ivr.store.database import Store
from ivr.store.migrate import migrate
from ivr.web.app import build_app
from tests.web.api_desk import furnish
from tests.web.chromium import launched
from tests.web.desk import NOW, PASSWORD, SESSION_KEY, fill
from tests.web.lines import Office, open_office

DATA = {"desk": "desk_data", "programs": "api_data", "office": "office_data"}


@dataclass
class StoppedClock:
    """Both clocks stand until a test moves them."""

    at: datetime = NOW
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(
        {
            "IVR_DATA": str(tmp_path / "var"),
            "IVR_DIALPLANS": str(tmp_path / "dialplans"),
            "IVR_PROMPTS": str(tmp_path / "prompts"),
        }
    )


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


async def _make(settings: Settings) -> None:
    store = await Store.open(settings.database_url)
    await fill(store, settings.recordings)
    await store.close()


@pytest.fixture(scope="session")
def empty_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once and copied for each test, for that is 20 times faster."""
    made = load({"IVR_DATA": str(tmp_path_factory.mktemp("empty"))})
    migrate(made.database_url)
    return made.data


@pytest.fixture(scope="session")
def desk_data(empty_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = load({"IVR_DATA": str(tmp_path_factory.mktemp("desk"))})
    shutil.copytree(empty_data, made.data, dirs_exist_ok=True)
    asyncio.run(_make(made))
    return made.data


async def _open(settings: Settings) -> None:
    store = await Store.open(settings.database_url)
    await open_office(settings, store, StoppedClock())
    await store.close()


@pytest.fixture(scope="session")
def office_data(empty_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dialplans lie beside it, in `dialplans`."""
    made = tmp_path_factory.mktemp("office")
    settings = load({"IVR_DATA": str(made / "var"), "IVR_DIALPLANS": str(made / "dialplans")})
    shutil.copytree(empty_data, settings.data)
    asyncio.run(_open(settings))
    return settings.data


async def _furnish(settings: Settings) -> None:
    store = await Store.open(settings.database_url)
    await open_office(settings, store, StoppedClock())
    await furnish(store, settings)
    await store.close()


@pytest.fixture(scope="session")
def api_data(empty_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("api")
    names = {"IVR_DATA": "var", "IVR_DIALPLANS": "dialplans", "IVR_PROMPTS": "prompts"}
    settings = load({name: str(made / folder) for name, folder in names.items()})
    shutil.copytree(empty_data, settings.data)
    asyncio.run(_furnish(settings))
    return settings.data


@pytest.fixture
def filled(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Empty, or for a test that asks for it, too: `desk` of tests/web/desk.py, `programs` of tests/web/api_desk.py, `office`."""
    wanted = next((data for name, data in DATA.items() if name in request.fixturenames), "empty_data")
    data: Path = request.getfixturevalue(wanted)
    shutil.copytree(data, settings.data)
    if wanted == "office_data":
        shutil.copytree(data.with_name("dialplans"), settings.dialplans)
    return settings


@pytest.fixture
async def store(filled: Settings) -> AsyncIterator[Store]:
    opened = await Store.open(filled.database_url)
    yield opened
    await opened.close()


@pytest.fixture
def desk(store: Store) -> Store:
    return store


@pytest.fixture
def programs(store: Store) -> Store:
    return store


@pytest.fixture
async def visitor(store: Store, settings: Settings, clock: StoppedClock) -> AsyncIterator[TestClient]:
    """A browser that has not logged in and follows no redirect by itself."""
    app = build_app(store, settings, clock, session_key=SESSION_KEY)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
async def browser(visitor: TestClient) -> AsyncIterator[Browser]:
    """Closed before the server is, whose connections it holds."""
    async with launched() as opened:
        yield opened


@pytest.fixture
def office(store: Store, settings: Settings, clock: StoppedClock) -> Office:
    """Two lines of two companies, live; see tests/web/lines.py."""
    return Office(settings, store, clock)


Login = Callable[..., Awaitable[TestClient]]


@pytest.fixture
def login(visitor: TestClient) -> Login:
    async def log_in(name: str, password: str = PASSWORD) -> TestClient:
        form = {"name": name, "password": password, "token": await form_token(visitor, "/login")}
        answer = await visitor.post("/login", data=form, allow_redirects=False)
        assert answer.status == 303, await answer.text()
        return visitor

    return log_in


async def form_token(client: TestClient, page: str) -> str:
    text = await (await client.get(page)).text()
    return text.split('name="token" value="', 1)[1].split('"', 1)[0]
