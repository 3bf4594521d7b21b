"""A PostgreSQL of our own: a unix socket in a temporary directory, no TCP, gone with the tests."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg import sql

DEBIAN = Path("/usr/lib/postgresql")  # not on the PATH there: several versions may stand side by side
START_SECONDS = 120.0
MIGRATIONS = (
    "alembic_version",
    "dbos_migrations",
)  # say which tables there are: ours, and those of the job engine


class Postgres:
    def __init__(self) -> None:
        self._directory: Path | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        directory = self._directory = Path(tempfile.mkdtemp(prefix="ivr-pg-"))
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres", "postgres")
        data, log = directory / "data", directory / "log"
        made = subprocess.run(
            [
                *_as_postgres(),
                _program("initdb"),
                "-D",
                data,
                *["-U", "postgres", "-A", "trust", "-E", "UTF8"],
            ],
            capture_output=True,
            cwd=directory,
        )
        assert made.returncode == 0, made.stderr.decode()
        settings = (
            f"unix_socket_directories={directory}",
            "listen_addresses=",
            "fsync=off",
            "full_page_writes=off",
        )
        options = [part for setting in settings for part in ("-c", setting)]
        # pdeathsig: the server ends with the tests, even when they are killed.
        with log.open("wb") as output:
            self._server = subprocess.Popen(
                [*_as_postgres("--pdeathsig", "QUIT"), _program("postgres"), "-D", data, *options],
                stdout=output,
                stderr=output,
                cwd=directory,
            )
        self._wait_until_ready(log)

    def _wait_until_ready(self, log: Path) -> None:
        assert self._server is not None
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                if self._server.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"PostgreSQL did not start: {log.read_text()}") from None
                self._pause()

    def _pause(self) -> None:
        """Not a sleep for an event that may come earlier: the end of the server wakes us."""
        assert self._server is not None
        try:
            self._server.wait(0.05)
        except subprocess.TimeoutExpired:
            return

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self._directory}"

    def create(self, database: str) -> str:
        """Without tables."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        return database

    def empty(self, database: str) -> None:
        """Without rows and as it was migrated, whoever still holds it. A hundred databases cost a gigabyte."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
                " WHERE datname = %s AND pid <> pg_backend_pid()",
                (database,),
            )
            found = connection.execute(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema$)'"
            ).fetchall()
            # Whatever refers to what; and forty times cheaper than TRUNCATE, which makes each table anew.
            connection.execute("SET session_replication_role = replica")
            for schema, table in found:
                if table not in MIGRATIONS:
                    connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(schema, table)))
            connection.execute(
                "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)"
                " FROM pg_sequences WHERE last_value IS NOT NULL"
            )

    def stop(self) -> None:
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(START_SECONDS)
        if self._directory is not None:
            shutil.rmtree(self._directory)


def _program(name: str) -> Path:
    if there := shutil.which(name):
        return Path(there)
    found = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda file: file.parent.parent.name.zfill(4))
    assert found, f"{name} of PostgreSQL is not installed: run script/setup"
    return found[-1]


def _as_postgres(*options: str) -> list[str]:
    """PostgreSQL refuses to run as root."""
    setpriv = shutil.which("setpriv")
    assert setpriv, "setpriv (util-linux) is not installed: run script/setup"
    if os.geteuid() == 0:
        options = ("--reuid=postgres", "--regid=postgres", "--clear-groups", *options)
    return [setpriv, *options] if options else []
