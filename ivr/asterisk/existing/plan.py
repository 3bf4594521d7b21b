"""Which files an Asterisk that was there before gets, and the lines by which it reads them. Pure but for reading."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr.asterisk.conf import split_address

MARK = "; By `ivr asterisk install`; `ivr asterisk remove` takes these two lines out."
_GENERAL = re.compile(r"^\[general\]", re.M)
_INCLUDE = re.compile(r'^#(?:try)?include[ \t]+"?([^"\s]+)', re.M)
_DEEPEST = 10  # includes within includes, as of Asterisk

# File of Asterisk -> files for additions that FreePBX keeps when it writes that file anew.
CUSTOM: Mapping[str, tuple[str, ...]] = {
    "extensions.conf": ("extensions_custom.conf",),
    "pjsip.conf": ("pjsip_custom_post.conf", "pjsip_custom.conf"),
    "ari.conf": ("ari_additional_custom.conf",),
    "http.conf": ("http_custom.conf",),
    "modules.conf": (),
}


@dataclass(frozen=True)
class Change:
    """`before` None: the file is not there. `block`: what was added, if the file is not ours alone."""

    path: Path
    before: bytes | None
    after: bytes
    block: str | None = None

    def difference(self) -> Iterable[str]:
        old = (self.before or b"").decode("utf-8", "replace").splitlines()
        new = re.sub(r"(?m)^(password = ).*$", r"\1…", self.after.decode("utf-8", "replace")).splitlines()
        to = str(self.path)
        return difflib.unified_diff(
            old, new, to if self.before is not None else "/dev/null", to, lineterm="", n=1
        )


def own_texts(
    rendered: Mapping[str, str], etc: Path, *, ari: bool, http: bool, address: str, missing: Iterable[str]
) -> dict[str, str]:
    """File of ours -> text. `rendered`: as of `conf.render_own`; `ari`, `http`: what is enabled there already.

    `address`: where its HTTP server is to listen if it does not yet. `missing`: modules to be loaded at each start.
    """
    texts = dict(rendered)
    enabled = "" if ari else "enabled = yes\n"
    # The default of 100 ms closes the websocket of an engine that is busy for a moment.
    texts["ivr_ari.conf"] = (
        f"{_general(etc / 'ari.conf')}\n{enabled}websocket_write_timeout = 1000\n\n{texts['ivr_ari.conf']}"
    )
    if not http:
        host, port = split_address("IVR_ARI", address)
        texts["ivr_http.conf"] = (
            f"{_general(etc / 'http.conf')}\nenabled = yes\nbindaddr = {host}\nbindport = {port}\nsessionlimit = 1000\n"
        )
    if loads := [f"load = {name}.so" for name in missing]:
        texts["ivr_modules.conf"] = "\n".join(["[modules](+)", *loads]) + "\n"
    return texts


def _general(file: Path) -> str:
    """The head of a section that adds to [general], or makes it: of two that are made Asterisk reads the first alone."""
    return "[general](+)" if _GENERAL.search(_whole(file)) else "[general]"


def _whole(file: Path, depth: int = 0) -> str:
    """With what it includes: on FreePBX, http.conf is nothing but includes."""
    text = file.read_text("utf-8", "replace") if file.is_file() else ""
    inner = _INCLUDE.findall(text) if depth < _DEEPEST else []
    return "\n".join([text, *(_whole(file.parent / name, depth + 1) for name in inner)])


def changes(etc: Path, texts: Mapping[str, str]) -> list[Change]:
    """What is to be written, ours first: whoever reads the include finds the file."""
    own = [Change(etc / name, _read(etc / name), text.encode()) for name, text in sorted(texts.items())]
    return [*own, *(_included(etc, name) for name in sorted(texts))]


def _included(etc: Path, own: str) -> Change:
    path = etc / place(etc, own.removeprefix("ivr_"))
    before = _read(path)
    text = (before or b"").decode("utf-8", "surrogateescape")
    if f'#include "{own}"' in text:
        return Change(path, before, before or b"", None)
    block = ("" if not text or text.endswith("\n") else "\n") + f'{MARK}\n#include "{own}"\n'
    return Change(path, before, (text + block).encode("utf-8", "surrogateescape"), block)


def place(etc: Path, name: str) -> str:
    """The file that is to name ours: one for additions, if `name` reads it, otherwise `name` itself."""
    main = etc / name
    text = main.read_text("utf-8", "replace") if main.exists() else ""
    for custom in CUSTOM[name]:
        if re.search(rf'^#(try)?include\s+"?{re.escape(custom)}"?\s*$', text, re.M):
            return custom
    return name


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
