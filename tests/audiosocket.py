"""Asterisk's side of AudioSocket, and the engine's side of `/v1/listen`, for tests and benchmarks of the transcriber."""

import asyncio
import uuid
from types import TracebackType
from typing import Any, Self

import aiohttp

FRAME = 320  # bytes: 20 ms at 8 kHz


class Caller:
    """One connection with a caller's audio."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    @classmethod
    async def connected(cls, address: str, id: str) -> Self:
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        caller = cls(reader, writer)
        caller.send(0x01, uuid.UUID(id).bytes)
        return caller

    def send(self, kind: int, payload: bytes) -> None:
        self._writer.write(bytes((kind,)) + len(payload).to_bytes(2, "big") + payload)

    async def speak(self, pcm: bytes, *, kind: int = 0x10) -> None:
        """All at once, which no caller does: the transcriber takes it as it comes."""
        size = FRAME * (2 if kind == 0x12 else 1)
        for at in range(0, len(pcm), size):
            self.send(kind, pcm[at : at + size])
        await self._writer.drain()

    async def ended(self) -> bytes:
        """What the transcriber said until it closed the connection."""
        said = await asyncio.wait_for(self.reader.read(), 60)
        self._writer.close()
        await self._writer.wait_closed()
        return said

    def hang_up(self) -> None:
        self._writer.write_eof()


class Listening:
    """One websocket to the transcriber. `told` is its first answer."""

    def __init__(self, url: str, model: str | None = None, grammar: list[str] | None = None) -> None:
        self._url = url + "/v1/listen"
        self._asked = {"model": model, "grammar": grammar}
        self.told: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        self.socket = await self._session.ws_connect(self._url)
        await self.socket.send_json(self._asked)
        self.told = await self.hears()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def order(self, do: str) -> None:
        """ "begin" and "drop" are done when this returns; what "end" brings is to be heard."""
        await self.socket.send_json({"do": do})
        if do != "end":
            assert await self.hears() == {"did": do}

    async def hears(self) -> dict[str, Any]:
        return dict(await self.socket.receive_json(timeout=60))

    async def caller(self) -> Caller:
        return await Caller.connected(self.told["address"], self.told["uuid"])
