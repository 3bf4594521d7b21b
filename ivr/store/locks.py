"""Which of several processes lives, told by PostgreSQL: a lock that ends with the connection that holds it."""

import psycopg
from psycopg import AsyncConnection
from sqlalchemy import URL

from ivr.errors import StoreError


class Names:
    """Names that this process holds. StoreError if the database does not answer; what was held is free then."""

    def __init__(self, connection: AsyncConnection[tuple[bool]]) -> None:
        self._connection = connection

    @classmethod
    async def connect(cls, url: URL) -> "Names":
        place = url.set(drivername="postgresql").render_as_string(hide_password=False)
        try:
            return cls(await AsyncConnection.connect(place, autocommit=True, connect_timeout=5))
        except psycopg.Error as error:
            raise StoreError("the database cannot be reached for a lock") from error

    async def take(self, name: str) -> bool:
        """False if another connection holds it. Taken twice, it must be given back twice."""
        return await self._ask("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", name)

    async def give_back(self, name: str) -> None:
        await self._ask("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", name)

    async def held(self) -> None:
        """StoreError if what was taken may be free, because the connection is gone."""
        await self._ask("SELECT %s::text IS NOT NULL", "")

    async def close(self) -> None:
        await self._connection.close()

    async def _ask(self, query: str, name: str) -> bool:
        try:
            cursor = await self._connection.execute(query, (f"ivr {name}",))
            row = await cursor.fetchone()
        except psycopg.Error as error:
            raise StoreError("the database did not answer about a lock") from error
        return row is not None and row[0]
