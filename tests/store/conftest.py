"""Every store test runs twice: on SQLite and on a PostgreSQL that is started here, once a session."""

import itertools
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ivr.store.database import Store
from ivr.store.migrate import migrate
from tests.store.postgres import Postgres

DATABASES = ("sqlite", "postgresql")
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "ivr.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres) -> Postgres:
    migrate(postgres.url(postgres.create("ivr")))
    return postgres


@pytest.fixture
def postgres_url(migrated_postgres: Postgres) -> str:
    migrated_postgres.empty("ivr")
    return migrated_postgres.url("ivr")


@pytest.fixture(params=DATABASES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ivr.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.url(server.create(f"empty_{next(_numbers)}"))


def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database with all tables and no rows, of the kind that is the fixture's parameter."""
    if request.param == "sqlite":
        file = tmp_path / "ivr.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        return f"sqlite:///{file}"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return fresh(request, tmp_path)


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await Store.open(url)
    yield opened
    await opened.close()


@pytest.fixture
async def other_process(url: str) -> AsyncIterator[Store]:
    """A second store on the same database: no lock of ours is shared with the first."""
    opened = await Store.open(url)
    yield opened
    await opened.close()
