"""The files of the dialplans, read, checked, changed and rolled back: what page and commands do alike.

The files are the truth. A file is named by its key: "ecforce", "shared/hours", "readings".
"""

import asyncio
import difflib
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from ivr import orders
from ivr.checking import check_directory
from ivr.dialplan.problems import BadDialplan, Problem
from ivr.dialplan.shared import split_source
from ivr.errors import Conflict, DialplanError, IvrError, NotFound
from ivr.settings import Settings
from ivr.store import dialplans as shelf
from ivr.store.database import Store

_KEY = re.compile(r"(shared/)?[a-z0-9][a-z0-9_-]{0,63}")
_MODE = 0o644  # of a new file


@dataclass(frozen=True, slots=True)
class FileState:
    """`digest`: what `save` must be told, so that nobody's change is overwritten unseen."""

    text: str
    digest: str


@dataclass(frozen=True, slots=True)
class Version:
    """One time that a version went live."""

    hash: str
    at: datetime
    by: str
    why: str | None
    live: bool  # callers meet this version now


def read(directory: Path, key: str) -> FileState:
    """NotFound without the file; DialplanError if it cannot be read."""
    path = _path(directory, key)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"there is no file {key}.yaml in {directory}") from None
    except OSError as error:
        raise DialplanError(f"{key}.yaml cannot be read: {error.strerror}") from error
    try:
        return FileState(data.decode("utf-8-sig"), _digest(data))
    except UnicodeDecodeError:
        raise DialplanError(f"{key}.yaml is not UTF-8; save it as UTF-8 in an editor") from None


def digest(directory: Path, key: str) -> str | None:
    """Of the file as it stands there, even one that `read` refuses; None without a file."""
    try:
        return _digest(_path(directory, key).read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DialplanError(f"{key}.yaml cannot be read: {error.strerror}") from error


def check_text(settings: Settings, key: str, text: str, today: date) -> list[Problem]:
    """Problems of `text` as the file of this key, and those that it causes in other files. Blocks."""
    return _check(settings, {key: text}, today)


def save(settings: Settings, key: str, text: str, *, expected: str | None, today: date) -> FileState:
    """Writes the file, whole or not at all. Blocks.

    `expected`: the digest of what was read; None: the file is new. Conflict if the file on disk is
    another by now, BadDialplan if the text does not pass its check.
    """
    text = text.replace("\r\n", "\n")  # a browser's form sends CR LF, whatever the file had
    return _save(settings, {key: text}, {key: expected}, today)[key]


def difference(old: str, new: str, before: str, after: str) -> str:
    """Unified diff, empty if there is none; `before` and `after` name the two."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), before, after, lineterm="")
    return "".join(f"{line}\n" for line in lines)


async def publish(
    settings: Settings, store: Store, *, by: str, why: str | None, now: datetime, line: str | None = None
) -> None:
    """Has the jobs process take the files live and waits for it; DialplanError says what was refused.

    With a `line`, only what holds this line up is an error: other files may be wrong.
    """
    data = {"by": by, "why": why, "line": line}
    refused = await orders.ask(store, settings.run, "jobs", "publish", data, now)
    if refused:
        raise DialplanError(refused)


async def history(session: AsyncSession, line: str) -> list[Version]:
    """The newest first."""
    live = await shelf.live_hash(session, line)
    rows = await shelf.publications(session, line)
    # The newest publication of the live version is the one that is live.
    newest = next((row.id for row in rows if row.hash == live), None)
    return [Version(row.hash, row.at, row.by, row.why, row.id == newest) for row in rows]


async def version_files(session: AsyncSession, line: str, hash: str) -> dict[str, str]:
    """Key of file -> its text in that version: the line's own first, then the shared ones that it used."""
    version = await shelf.find_version(session, line, hash)
    files = split_source(version.source)
    return {line: files.pop(""), **{name.removesuffix(".yaml"): text for name, text in files.items()}}


async def roll_back(
    settings: Settings,
    store: Store,
    line: str,
    hash: str,
    *,
    by: str,
    why: str | None,
    now: datetime,
    shared: bool = False,
) -> None:
    """Writes the files of a version back to disk and takes them live.

    What stands in the line's own file is replaced. Shared files serve other lines too, so that
    Conflict names those which differ, unless `shared` says that they shall go back for all lines.
    BadDialplan if the version passes the check of today no longer.
    """
    async with store.read() as session:
        files = await version_files(session, line, hash)
    expected = {key: digest(settings.dialplans, key) for key in files}
    changed = [key for key, text in files.items() if key != line and _differs(settings.dialplans, key, text)]
    if changed and not shared:
        raise Conflict(
            f"{', '.join(f'{key}.yaml' for key in changed)} was another at that time, and other lines may use it;"
            " roll it back as well with --shared, for all of them"
        )
    await asyncio.to_thread(_save, settings, files, expected, now.date())
    await publish(settings, store, by=by, why=why, now=now, line=line)


def _differs(directory: Path, key: str, text: str) -> bool:
    try:
        return read(directory, key).text != text
    except (NotFound, DialplanError):
        return True


def _save(
    settings: Settings, texts: Mapping[str, str], expected: Mapping[str, str | None], today: date
) -> dict[str, FileState]:
    directory = settings.dialplans
    with _alone(directory):
        for key in texts:
            _check_unchanged(directory, key, expected[key])
        problems = _check(settings, texts, today)
        if any(problem.severity == "error" for problem in problems):
            raise BadDialplan(problems)
        return {key: _write(_path(directory, key), text) for key, text in texts.items()}


def _check_unchanged(directory: Path, key: str, expected: str | None) -> None:
    found = digest(directory, key)
    if found == expected:
        return
    if found is None:
        raise Conflict(f"{key}.yaml has been removed meanwhile; put it back or save under another name")
    if expected is None:
        raise Conflict(f"there is a file {key}.yaml already; open that one, or take another name")
    raise Conflict(
        f"{key}.yaml was changed by somebody else meanwhile; open it again and make your change there"
    )


def _check(settings: Settings, texts: Mapping[str, str], today: date) -> list[Problem]:
    """On a copy of the directory, so that what is checked is what would stand there."""
    files = {f"{settings.dialplans.name}/{key}.yaml" for key in texts}
    with as_if_saved(settings.dialplans, texts) as copy:
        after = check_directory(replace(settings, dialplans=copy), today)
    if all(problem.file in files for problem in after):
        return after
    before = _problems_before(settings, today)
    return [problem for problem in after if problem.file in files or problem not in before]


@contextmanager
def as_if_saved(directory: Path, texts: Mapping[str, str]) -> Iterator[Path]:
    """A copy of the dialplans with these texts as files of their keys: a line may use other files. Blocks."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / directory.name
        _copy(directory, copy)
        for key, text in texts.items():
            _path(copy, key).write_text(text, "utf-8")
        yield copy


def _copy(directory: Path, copy: Path) -> None:
    copy.mkdir()
    (copy / "shared").mkdir()
    try:
        for path in [*directory.glob("*.yaml"), *directory.glob("shared/*.yaml")]:
            shutil.copyfile(path, copy / path.relative_to(directory))
    except OSError as error:
        raise DialplanError(f"the dialplans in {directory} cannot be read: {error.strerror}") from error


def _problems_before(settings: Settings, today: date) -> set[Problem]:
    """Those that other files have anyway: whoever saves this one did not make them."""
    try:
        return set(check_directory(settings, today))
    except DialplanError:
        return set()  # there is no dialplan yet; this is the first


def _write(path: Path, text: str) -> FileState:
    """By another name first, so that a reader finds the old file or the new one; its mode stays."""
    path = path.resolve()  # a link stays a link
    data = text.encode("utf-8")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(exist_ok=True)
        mode = path.stat().st_mode & 0o7777 if path.exists() else _MODE
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise IvrError(f"{path.name} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return FileState(text, _digest(data))


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One who saves at a time, of all processes."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError as error:
        raise DialplanError(f"the dialplans in {directory} cannot be read: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _path(directory: Path, key: str) -> Path:
    if not _KEY.fullmatch(key):
        raise NotFound(
            f'"{key}" is no name for a file of the dialplans; use small letters, digits, "-" and "_"'
        )
    return directory / f"{key}.yaml"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
