"""What the files of a model must be. The list in the model's directory is such that `sha256sum -c` reads it, too."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from ivr.errors import ModelFailed
from ivr.models.known import KNOWN

NAME = "MANIFEST.sha256"
_CHUNK = 1 << 20


def write(directory: Path) -> int:
    """How many files it lists."""
    lines = [f"{digest(directory / name)}  {name}" for name in _names(directory)]
    (directory / NAME).write_text("\n".join(lines) + "\n", "utf-8")
    return len(lines)


def differences(directory: Path, name: str) -> Sequence[str]:
    """What is wrong, in words; empty: every file is as it was. ModelFailed if there is no list to compare with."""
    wrong = against_known(directory, name)
    listed = _listed(directory)
    if listed is None and name not in KNOWN:
        raise ModelFailed(
            f"{directory} has no list of its files to compare them with: `ivr model fetch` writes one, "
            "and those that come with the project are kept by its version control"
        )
    found = set(_names(directory))
    for path, expected in (listed or {}).items():
        if path not in found:
            wrong.append(f"{path} is missing")
        elif digest(directory / path) != expected and not any(said.startswith(f"{path} ") for said in wrong):
            wrong.append(f"{path} is not what was fetched")
    if listed is not None:
        wrong += [f"{path} was not fetched" for path in sorted(found - set(listed))]
    return wrong


def against_known(directory: Path, name: str) -> list[str]:
    """As `differences`, by what the project knows of the model of that name; empty if it knows none."""
    wrong = []
    for path, (expected, size) in KNOWN[name].files.items() if name in KNOWN else ():
        file = directory / path
        if not file.is_file():
            wrong.append(f"{path} is missing")
        elif file.stat().st_size != size:
            wrong.append(f"{path} has {file.stat().st_size} bytes instead of {size}")
        elif digest(file) != expected:
            wrong.append(f"{path} has another SHA-256 than the published one")
    return wrong


def digest(file: Path) -> str:
    """SHA-256, hex."""
    found = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _names(directory: Path) -> Iterator[str]:
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.name != NAME:
            yield path.relative_to(directory).as_posix()


def _listed(directory: Path) -> dict[str, str] | None:
    """Path -> SHA-256."""
    try:
        lines = (directory / NAME).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as error:
        raise ModelFailed(f"{directory / NAME} cannot be read") from error
    return {name: sha for sha, _, name in (line.partition("  ") for line in lines) if name}
