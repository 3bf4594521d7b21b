"""Log lines: a fixed sentence, then its fields; never digits of a caller, numbers or transcripts."""

import logging
from logging.handlers import WatchedFileHandler
from pathlib import Path

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _Fields(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:
        line = super().formatMessage(record)
        fields = [f"{name}={value!r}" for name, value in vars(record).items() if name not in _OWN]
        return " ".join([line, *fields])


def set_up(process: str, file: Path | None = None) -> None:
    """Warnings and worse to the terminal; with `file`, everything from INFO on into it as well."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    formatter = _Fields(f"%(asctime)s {process} %(levelname)s %(name)s: %(message)s")
    terminal = logging.StreamHandler()
    terminal.setLevel(logging.WARNING)
    handlers: list[logging.Handler] = [terminal]
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(WatchedFileHandler(file, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(formatter)
        root.addHandler(handler)
    for noisy in ("aiosqlite", "sqlalchemy", "alembic", "asyncio", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
