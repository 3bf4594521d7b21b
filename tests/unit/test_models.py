"""Fetching a model: from a server that is slow, breaks off, lies or sends elsewhere; whole, or not at all."""

import asyncio
import hashlib
import io
import shutil
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from ivr.errors import IvrError, ModelFailed
from ivr.models import download, known
from ivr.models.fetch import fetch
from ivr.models.known import KNOWN, Known
from ivr.models.manifest import differences
from tests.transcriber_process import TINY

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def zipped(names: dict[str, bytes] | None = None, *, top: str = "vosk-model-mine") -> bytes:
    """The tiny model under `top`, and what `names` adds or replaces."""
    files = {f"{top}/{p.relative_to(TINY)}": p.read_bytes() for p in TINY.rglob("*") if p.is_file()}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**files, **(names or {})}.items():
            archive.writestr(name, content)
    return made.getvalue()


@pytest.fixture(scope="module")
def whole() -> bytes:
    return zipped()


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE", 0.01)
    monkeypatch.setattr(download, "STALLED", 1.0)


class Server:
    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[str | None] = []  # the Range of each request
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.headers.get("Range"))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_get("/{name}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


def sends(
    content: bytes, *, etag: str = '"1"', breaks_after: int | None = None, stalls: bool = False
) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        begin = 0
        if request.headers.get("If-Range") == etag:
            begin = request.http_range.start or 0
        response = web.StreamResponse(status=206 if begin else 200, headers={"ETag": etag})
        response.content_length = len(content) - begin
        if begin:
            response.headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        await response.prepare(request)
        end = len(content) if breaks_after is None else min(len(content), begin + breaks_after)
        for at in range(begin, end, 20_000):
            await response.write(content[at : min(at + 20_000, end)])
        if stalls:
            await asyncio.Event().wait()
        if end < len(content):
            assert request.transport is not None
            request.transport.abort()
        return response

    return answer


def says(status: int, **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers=headers)

    return answer


def untouched(models: Path) -> bool:
    """No model is there, and nothing that was unpacked."""
    return [path for path in models.rglob("*") if path.is_dir() and path.name != ".fetch"] == []


async def test_a_model_comes_whole_with_the_list_of_its_files(
    server: Server, whole: bytes, tmp_path: Path
) -> None:
    server.answers = [sends(whole)]
    seen: list[tuple[int, int | None]] = []
    fetched = await fetch(
        tmp_path, f"{server.url}/m.zip", None, lambda have, total: seen.append((have, total))
    )
    assert (fetched.name, fetched.known) == ("vosk-model-mine", False)
    directory = tmp_path / "vosk-model-mine"
    for path in (p for p in TINY.rglob("*") if p.is_file()):
        assert (directory / path.relative_to(TINY)).read_bytes() == path.read_bytes()
    assert seen[-1] == (len(whole), len(whole))
    checked = await asyncio.create_subprocess_exec(
        "sha256sum", "--check", "--quiet", "MANIFEST.sha256", cwd=directory
    )
    assert await checked.wait() == 0
    assert differences(directory, "vosk-model-mine") == []
    assert not [
        path for path in (tmp_path / ".fetch").iterdir() if path.name != "lock" and path.suffix != ".mark"
    ]


@pytest.mark.parametrize("ending", ["breaks", "stalls"])
async def test_what_broke_off_is_gone_on_with(
    server: Server, whole: bytes, tmp_path: Path, ending: str
) -> None:
    server.answers = [sends(whole, breaks_after=100_000, stalls=ending == "stalls"), sends(whole)]
    fetched = await fetch(tmp_path, f"{server.url}/m.zip", None, lambda *_: None)
    assert fetched.name == "vosk-model-mine"
    assert server.asked[0] is None
    assert server.asked[1] == "bytes=100000-"


async def test_a_later_command_goes_on_too_and_begins_anew_when_the_file_has_changed(
    server: Server, whole: bytes, tmp_path: Path
) -> None:
    server.answers = [sends(b"old" * 50_000, breaks_after=100_000), says(503)]
    with pytest.raises(ModelFailed, match=r"100000 bytes are there.*goes on"):
        await fetch(tmp_path, f"{server.url}/m.zip", None, lambda *_: None)
    assert untouched(tmp_path)
    server.answers = [sends(whole, etag='"2"')]
    assert (await fetch(tmp_path, f"{server.url}/m.zip", None, lambda *_: None)).name == "vosk-model-mine"
    assert server.asked[-1] == "bytes=100000-"


async def test_a_redirect_is_followed(server: Server, whole: bytes, tmp_path: Path) -> None:
    server.answers = [says(302, Location="/elsewhere.zip"), sends(whole)]
    assert (await fetch(tmp_path, f"{server.url}/m.zip", "mine", lambda *_: None)).name == "mine"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (says(404), "answers 404"),
        (says(503), "the server answers 503"),
        (sends(b"<html>no model here</html>"), "no whole zip file"),
        (sends(zipped({"vosk-model-mine/../../evil": b"x"})), "written elsewhere"),
        (sends(zipped({"/etc/evil": b"x"})), "written elsewhere"),
        (sends(zipped({"vosk-model-mine\\..\\evil": b"x"})), "written elsewhere"),
        (sends(zipped()[:-30_000]), "no whole zip file"),
        (sends(zipped({"vosk-model-mine/am/final.mdl": b""})), "cannot be used"),
    ],
)
async def test_what_is_no_model_changes_nothing(
    server: Server, tmp_path: Path, answer: Answer, told: str
) -> None:
    server.answers = [answer]
    with pytest.raises(ModelFailed, match=told):
        await fetch(tmp_path / "models", f"{server.url}/m.zip", None, lambda *_: None)
    assert untouched(tmp_path / "models")
    assert not [path for path in tmp_path.rglob("evil")]  # noqa: ASYNC240


def with_link() -> bytes:
    made = io.BytesIO(zipped())
    with zipfile.ZipFile(made, "a") as archive:
        link = zipfile.ZipInfo("vosk-model-mine/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc")
    return made.getvalue()


@pytest.mark.parametrize(("limit", "value"), [("MOST_BYTES", 500_000), ("MOST_FILES", 5)])
def test_a_zip_that_is_too_much_is_refused_before_anything_is_written(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(f"ivr.models.unpack.{limit}", value)
    (tmp_path / "m.zip").write_bytes(whole)
    with pytest.raises(ModelFailed, match="that is no model"):
        asyncio.run(fetch(tmp_path / "models", str(tmp_path / "m.zip"), None, lambda *_: None))
    assert untouched(tmp_path / "models")


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.zip").write_bytes(with_link())
    with pytest.raises(ModelFailed, match="which is no file"):
        asyncio.run(fetch(tmp_path / "models", str(tmp_path / "m.zip"), None, lambda *_: None))


# -- models known by name ----------------------------------------------------------------


def listed(*, final_mdl: bytes | None = None) -> dict[str, tuple[str, int]]:
    contents = {name: (TINY / name).read_bytes() for name in ("am/final.mdl", "graph/Gr.fst")}
    if final_mdl is not None:
        contents["am/final.mdl"] = final_mdl
    return {name: (hashlib.sha256(content).hexdigest(), len(content)) for name, content in contents.items()}


@pytest.fixture
def knows(server: Server) -> Iterator[Callable[[dict[str, tuple[str, int]]], None]]:
    def knows(files: dict[str, tuple[str, int]]) -> None:
        known.KNOWN["vosk-model-mine"] = Known(f"{server.url}/m.zip", files)

    yield knows
    known.KNOWN.pop("vosk-model-mine", None)


async def test_a_known_model_is_compared_with_what_is_known(
    server: Server, whole: bytes, tmp_path: Path, knows: Callable[..., None]
) -> None:
    server.answers = [sends(whole)]
    mdl = (TINY / "am/final.mdl").read_bytes()
    knows(listed(final_mdl=mdl[:-1] + b"?"))
    with pytest.raises(ModelFailed, match=r"am/final.mdl has another SHA-256"):
        await fetch(tmp_path, "vosk-model-mine", None, lambda *_: None)
    knows(listed(final_mdl=mdl + b"?"))
    with pytest.raises(ModelFailed, match=f"am/final.mdl has {len(mdl)} bytes instead of {len(mdl) + 1}"):
        await fetch(tmp_path, "vosk-model-mine", None, lambda *_: None)
    assert untouched(tmp_path)
    knows(listed())
    assert (await fetch(tmp_path, "vosk-model-mine", None, lambda *_: None)).known


def test_the_official_model_is_known_by_its_published_files() -> None:
    model = KNOWN["vosk-model-small-ja-0.22"]
    assert model.url == "https://alphacephei.com/vosk/models/vosk-model-small-ja-0.22.zip"
    assert model.files["graph/Gr.fst"] == (
        "4f75f879f5c96b3a5983f8aa1b2df6e4c6f05a845d332d7f2cf410a64f095011",
        30893295,
    )
    assert sum(size for _, size in model.files.values()) == 94_779_230


# -- closed networks, and afterwards -----------------------------------------------------


@pytest.mark.parametrize("source", ["m.zip", "directory"])
async def test_a_zip_or_a_directory_that_was_brought_otherwise(
    tmp_path: Path, whole: bytes, source: str
) -> None:
    (tmp_path / "m.zip").write_bytes(whole)
    shutil.copytree(TINY, tmp_path / "directory")
    fetched = await fetch(tmp_path / "models", str(tmp_path / source), None, lambda *_: None)
    assert fetched.name == {"m.zip": "vosk-model-mine", "directory": "directory"}[source]
    assert (tmp_path / source).exists()


async def test_what_was_changed_afterwards_is_named(tmp_path: Path) -> None:
    await fetch(tmp_path, str(TINY), "mine", lambda *_: None)
    mine = tmp_path / "mine"
    (mine / "am" / "final.mdl").write_bytes(b"other")
    (mine / "graph" / "Gr.fst").unlink()
    (mine / "more").write_text("x")
    assert list(differences(mine, "mine")) == [
        "am/final.mdl is not what was fetched",
        "graph/Gr.fst is missing",
        "more was not fetched",
    ]
    shutil.copytree(TINY, tmp_path / "by-hand")
    with pytest.raises(ModelFailed, match="no list of its files"):
        differences(tmp_path / "by-hand", "by-hand")


async def test_one_of_a_name_is_replaced_only_by_one_that_works(tmp_path: Path) -> None:
    await fetch(tmp_path, str(TINY), "mine", lambda *_: None)
    broken = tmp_path / "broken"
    shutil.copytree(TINY, broken)
    (broken / "conf" / "mfcc.conf").write_text("--sample-frequency=1\n")
    with pytest.raises(ModelFailed, match="cannot be used"):
        await fetch(tmp_path, str(broken), "mine", lambda *_: None)
    assert differences(tmp_path / "mine", "mine") == []
    await fetch(tmp_path, str(TINY), "mine", lambda *_: None)


@pytest.mark.parametrize("name", ["../mine", ".mine", "モデル", "a b", ""])
async def test_a_name_that_is_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(IvrError, match="is no name of a model"):
        await fetch(tmp_path, str(TINY), name or " ", lambda *_: None)
