"""`python -m transcribe --listen 127.0.0.1:PORT --model DIR --recordings DIR`"""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from transcribe.access import KEY, SHORTEST_KEY, address, needs_key
from transcribe.fetch import Fetch
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


async def serve(options: argparse.Namespace, key: str) -> None:
    fetch = Fetch(options.fetch, key) if options.fetch else None
    service = Service(options.model, tuple(options.recordings), options.models, key=key, fetch=fetch)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # handler_cancellation: who hangs up no longer waits for the text, so the decoding stops
    runner = web.AppRunner(service.app(), access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, *options.listen).start()
        log.info("the transcriber listens", extra={"port": runner.addresses[0][1]})
        await stop.wait()
    except OSError as error:
        host, port = options.listen
        sys.exit(f"{host}:{port}: {os.strerror(error.errno or 0)}; end what uses it, or listen elsewhere")
    finally:
        await runner.cleanup()
    log.info("the transcriber ends")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m transcribe", description="WAV files in, text out, over HTTP"
    )
    parser.add_argument("--listen", type=address, required=True, metavar="HOST:PORT")
    parser.add_argument(
        "--model",
        type=Path,
        default=BUILT_IN / "vosk-tiny-ja",
        metavar="DIR",
        help="default: the trial model",
    )
    parser.add_argument("--models", type=Path, metavar="DIR", help="further models, asked for by name")
    parser.add_argument("--recordings", type=Path, action="append", default=[], metavar="DIR")
    parser.add_argument(
        "--fetch", metavar="URL", help="address of the pages, for recordings that are not here"
    )
    options = parser.parse_args()
    key = os.environ.get(KEY, "").strip()
    if len(key) < SHORTEST_KEY and (key or options.fetch or needs_key(options.listen[0])):
        parser.error(
            f"write a key of {SHORTEST_KEY} characters or more into the environment variable {KEY}, the same as there is "
            "in the settings of ivr: with it recordings are fetched, and without it whoever reaches this address "
            "might have them read"
        )
    if not (options.recordings or options.fetch):
        parser.error("say where the recordings are: --recordings DIR, or --fetch URL")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    asyncio.run(serve(options, key))
    # A thread inside Kaldi cannot be interrupted; leaving the usual way would wait for it.
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()
