"""A zip from somewhere, unpacked so that it can do no harm."""

import os
import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from ivr.errors import ModelFailed

MOST_BYTES = 8 << 30
MOST_FILES = 5000
_CHUNK = 1 << 20


def unpack(file: Path, into: Path) -> str | None:
    """Writes the model's files into the new directory `into`; the name that the zip gives it, if it does.

    ModelFailed if the file is no zip, or one that no model would be.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            top = _checked(members, into.parent)
            for member in members:
                path = PurePosixPath(member.filename)
                _write(archive, member, into / (path.relative_to(top) if top else path))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise ModelFailed(f"the model cannot be unpacked: {error.strerror}") from error
        raise ModelFailed(f"{file} is no whole zip file ({error})") from error
    return top


def copied(source: Path, into: Path) -> str:
    """As `unpack`, of a directory."""
    shutil.copytree(source, into, symlinks=False)
    return source.resolve().name


def _checked(members: list[zipfile.ZipInfo], place: Path) -> str | None:
    """The one directory that holds all, if there is one."""
    if not members:
        raise ModelFailed("the zip file is empty")
    for member in members:
        path, kind = PurePosixPath(member.filename), stat.S_IFMT(member.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or "\\" in member.filename or "\0" in member.filename:
            raise ModelFailed(f"the zip file holds {member.filename!r}, which would be written elsewhere")
        if kind not in (0, stat.S_IFREG):
            raise ModelFailed(f"the zip file holds {member.filename!r}, which is no file")
    size = sum(member.file_size for member in members)
    if size > MOST_BYTES or len(members) > MOST_FILES:
        raise ModelFailed(f"the zip file holds {size} bytes in {len(members)} files: that is no model")
    if size > shutil.disk_usage(place).free:
        raise ModelFailed(f"the disk of {place} has no room for the {size} bytes of the model")
    tops = {PurePosixPath(member.filename).parts[0] for member in members}
    nested = all(len(PurePosixPath(member.filename).parts) > 1 for member in members)
    return tops.pop() if len(tops) == 1 and nested else None


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """`zipfile` gives no byte more than its list says, which was checked."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file, _CHUNK)
        file.flush()
        os.fsync(file.fileno())
