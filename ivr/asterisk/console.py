"""An Asterisk that runs, asked through its command line."""

import asyncio
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ivr.errors import AsteriskError
from ivr.settings import Address


@dataclass(frozen=True)
class Console:
    """`command`: the argv before any option of Asterisk's own. `conf`: its asterisk.conf. `log`: where it logs errors."""

    command: Sequence[str]
    conf: Path
    log: Path

    async def cli(self, command: str, limit: float = 10.0) -> str:
        """What `asterisk -rx` prints. Its exit code means nothing: judge the text."""
        process = await asyncio.create_subprocess_exec(
            *(*self.command, "-C", str(self.conf), "-rx", command),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), limit)
        except TimeoutError as error:
            raise AsteriskError(f"Asterisk does not answer {command!r} within {limit:g} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        text = output.decode("utf-8", "replace")
        if "Unable to connect to remote asterisk" in text:
            raise AsteriskError(f"Asterisk does not run: {command!r} was not executed")
        return text


async def listens(address: Address) -> bool:
    """Whether anything takes TCP connections there."""
    try:
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
