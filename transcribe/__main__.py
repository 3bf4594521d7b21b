"""`python -m transcribe --listen 127.0.0.1:PORT --model DIR --recordings DIR`"""

import argparse
import asyncio
import ipaddress
import json
import logging
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from transcribe.model import BUILT_IN
from transcribe.server import Service

log = logging.getLogger("transcribe")

_STANDARD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"at": self.formatTime(record), "level": record.levelname, "log": record.name}
        line["said"] = record.getMessage()
        line |= {k: v for k, v in record.__dict__.items() if k not in _STANDARD_FIELDS}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def loopback(value: str) -> tuple[str, int]:
    """There is no login: whoever reaches the port may have any recording read."""
    host, _, port = value.rpartition(":")
    try:
        if ipaddress.ip_address(host.strip("[]")).is_loopback and 0 <= int(port) < 65536:
            return host.strip("[]"), int(port)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{value!r} is no loopback address and port, such as 127.0.0.1:8091")


async def serve(service: Service, host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # handler_cancellation: who hangs up no longer waits for the text, so the decoding stops
    runner = web.AppRunner(service.app(), access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    log.info("the transcriber listens", extra={"port": runner.addresses[0][1]})
    await stop.wait()
    await runner.cleanup()
    log.info("the transcriber ends")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m transcribe", description="WAV files in, text out, over HTTP"
    )
    parser.add_argument("--listen", type=loopback, required=True, metavar="HOST:PORT")
    parser.add_argument(
        "--model",
        type=Path,
        default=BUILT_IN / "vosk-tiny-ja",
        metavar="DIR",
        help="default: the trial model",
    )
    parser.add_argument("--models", type=Path, metavar="DIR", help="further models, asked for by name")
    parser.add_argument("--recordings", type=Path, action="append", required=True, metavar="DIR")
    options = parser.parse_args()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    service = Service(options.model, tuple(options.recordings), options.models)
    asyncio.run(serve(service, *options.listen))
    # A thread inside Kaldi cannot be interrupted; leaving the usual way would wait for it.
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()
