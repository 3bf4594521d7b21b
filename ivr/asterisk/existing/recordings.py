"""Where an Asterisk that was there before records for us: its directory of recordings becomes a link to ours.

A link further down would not do: Asterisk makes the directories of a recording itself, and refuses one that leads out of its
own. A directory that holds recordings of others stays; then ours go there (IVR_RECORDINGS).
"""

import os
from dataclasses import dataclass
from pathlib import Path

from ivr.errors import AsteriskError
from ivr.settings import Settings


@dataclass(frozen=True)
class Link:
    """`before`: mode, owner and group of the empty directory that stood at `path`; None: there was none."""

    path: str
    before: tuple[int, int, int] | None

    def undo(self) -> None:
        path = Path(self.path)
        if not path.is_symlink():
            return
        path.unlink()
        if self.before is not None:
            mode, owner, group = self.before
            path.mkdir()
            path.chmod(mode)
            if os.geteuid() == 0:
                os.chown(path, owner, group)


def share(settings: Settings, spool: Path) -> Link | None:
    """`spool`: of that Asterisk. None if it records there already. AsteriskError if others record there."""
    folder, target = spool / "recording", settings.recordings.resolve()
    _make(settings.messages, settings.data.stat().st_uid, spool.stat().st_gid)
    if folder.resolve() == target:
        return None
    if folder.is_symlink() or (folder.exists() and any(folder.iterdir())):
        raise AsteriskError(
            f"others record into {folder}: set IVR_RECORDINGS={folder}, or move that away", retryable=False
        )
    before = None
    if folder.exists():
        stat = folder.stat()
        before = stat.st_mode & 0o7777, stat.st_uid, stat.st_gid
        folder.rmdir()
    folder.symlink_to(target)
    return Link(str(folder), before)


def _make(folder: Path, owner: int, group: int) -> None:
    """With what is missing above it. Both may write, and what they make there is the group's."""
    if folder.is_dir():
        return
    _make(folder.parent, owner, group)
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, owner, group)
    folder.chmod(0o2770)
