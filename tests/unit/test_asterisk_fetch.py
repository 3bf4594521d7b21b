"""Fetching Asterisk: from whose mirror, what is locked, and what happens when unstable has moved on."""

import hashlib
import platform
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from ivr.asterisk import fetch, install
from ivr.asterisk.apt import Apt, AptError, machine_mirror
from ivr.errors import AsteriskError

NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def test_mirror_is_the_debian_archive_of_a_deb822_file(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (parts / "aaa.sources").write_text("Types: deb\nURIs: https://tools.example/apt\nSuites: x\n")
    (parts / "debian.sources").write_text(
        "# the archive\nTypes: deb deb-src\nURIs: http://old.example/debian\nEnabled: no\n\n"
        "Types: deb\nURIs: http://sec.example/debian-security\nSuites: bookworm-security\n\n"
        "Types: deb\n# a comment inside\nURIs:\n http://mirror.example/debian/\nSuites: bookworm\n"
    )
    assert machine_mirror(tmp_path) == "http://mirror.example/debian/"


def test_mirror_is_the_debian_archive_of_a_one_line_file(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text(
        "# deb http://not.example/debian bookworm main\n"
        "deb-src http://src.example/debian bookworm main\n"
        "deb http://snapshot.example/archive/debian/20250520T000000Z bookworm main\n"
        "deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main\n"
    )
    assert machine_mirror(tmp_path) == "http://mirror.example/debian"


def test_a_cloud_images_list_of_mirrors_is_kept(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (parts / "debian.sources").write_text("Types: deb\nURIs: mirror+file:/etc/apt/mirrors/debian.list\n")
    assert machine_mirror(tmp_path) == "mirror+file:/etc/apt/mirrors/debian.list"


def test_a_machine_without_a_debian_archive_asks_debian(tmp_path: Path) -> None:
    assert machine_mirror(tmp_path) == "http://deb.debian.org/debian"


def test_a_mirror_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        mirror = f"http://127.0.0.1:{taken.getsockname()[1]}/debian"
        with pytest.raises(AptError, match=mirror):
            Apt(tmp_path, mirror=mirror).update()


def test_an_archive_without_debians_signature_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "debian"
    index = archive / "dists/unstable/main" / f"binary-{NATIVE}" / "Packages"
    index.parent.mkdir(parents=True)
    index.write_text("")
    digest = hashlib.sha256(b"").hexdigest()
    (archive / "dists/unstable/Release").write_text(
        f"Suite: unstable\nComponents: main\nArchitectures: {NATIVE}\n"
        f"Date: Sun, 22 Nov 2026 00:00:00 UTC\nSHA256:\n {digest} 0 main/binary-{NATIVE}/Packages\n"
    )
    with pytest.raises(AptError, match="not signed"):
        Apt(tmp_path / "home", mirror=f"file:{archive}").update()


class FakeDebian:
    """Unstable with one package: an Asterisk that only says its version."""

    def __init__(self, folder: Path, version: str) -> None:
        self.archives = folder / f"archives-{version}"
        self.asked = 0
        root = folder / f"package-{version}"
        loader = root / "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
        (loader.parent / "asterisk/modules").mkdir(parents=True)
        loader.write_text(f"#!/bin/sh\necho Asterisk {version}\n")
        loader.chmod(0o755)
        (root / "DEBIAN").mkdir()
        (root / "DEBIAN/control").write_text(
            f"Package: asterisk\nVersion: 1:{version}-1\nArchitecture: {NATIVE}\nMaintainer: x\nDescription: x\n"
        )
        self.file = folder / f"asterisk_1%3a{version}-1_{NATIVE}.deb"
        subprocess.run(["dpkg-deb", "--build", str(root), str(self.file)], check=True, capture_output=True)

    def update(self) -> None:
        self.asked += 1

    def plan(self, package: str) -> list[tuple[str, str]]:
        assert package == "asterisk"
        return [(self.file.name, hashlib.sha256(self.file.read_bytes()).hexdigest())]

    def download(self, package: str, count: int) -> Path:
        self.archives.mkdir(exist_ok=True)
        (self.archives / self.file.name).write_bytes(self.file.read_bytes())
        return self.archives


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "LOCK_FILE", tmp_path / "asterisk.lock")
    return tmp_path / "asterisk.lock"


def test_before_the_first_fetch_the_way_out_is_said(lock: Path) -> None:
    with pytest.raises(AsteriskError, match="run script/setup"):
        fetch.find_asterisk("")


def test_what_was_fetched_is_found_and_not_asked_for_again(lock: Path, tmp_path: Path) -> None:
    unstable = FakeDebian(tmp_path, "22.10.1")
    assert fetch.fetch(unstable, latest=True).version == "22.10.1"
    assert f"asterisk 1:22.10.1-1 {NATIVE} " in lock.read_text()
    assert fetch.fetch(unstable).version == "22.10.1"
    assert unstable.asked == 1
    found = fetch.find_asterisk("")
    assert found.version == "22.10.1"
    assert found.module_dir.is_dir()


def test_when_unstable_has_moved_within_22_it_is_told_and_taken(
    lock: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch.fetch(FakeDebian(tmp_path, "22.10.1"), latest=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another machine"))
    assert fetch.fetch(FakeDebian(tmp_path, "22.11.0")).version == "22.11.0"
    warned = capsys.readouterr().err
    assert "asterisk: locked 1:22.10.1-1, now 1:22.11.0-1" in warned
    assert "script/setup --asterisk-latest" in warned
    assert "IVR_ASTERISK=" in warned
    assert "22.10.1" in lock.read_text(), "only --asterisk-latest may change the lock"
    assert fetch.find_asterisk("").version == "22.11.0"
    (record,) = (tmp_path / "another machine").glob("ivr/asterisk/*/packages")
    assert "1:22.11.0-1" in record.read_text()


def test_another_series_is_not_taken(lock: Path, tmp_path: Path) -> None:
    lock.write_text(f"asterisk 1:22.10.1-1 {NATIVE} {'0' * 64}\n")
    with pytest.raises(
        AsteriskError, match=r"(?s)locked is Asterisk 1:22\.10\.1-1.*now 1:23\.0\.0-1.*IVR_ASTERISK"
    ):
        fetch.fetch(FakeDebian(tmp_path, "23.0.0"))


def test_other_bytes_under_a_locked_version_are_refused(lock: Path, tmp_path: Path) -> None:
    lock.write_text(f"asterisk 1:22.10.1-1 {NATIVE} {'0' * 64}\n")
    with pytest.raises(AsteriskError, match="Nothing was installed"):
        fetch.fetch(FakeDebian(tmp_path, "22.10.1"))
    with pytest.raises(AsteriskError, match="run script/setup"):
        fetch.find_asterisk("")


def test_a_download_that_is_not_what_the_index_says_is_refused(lock: Path, tmp_path: Path) -> None:
    class Tampered(FakeDebian):
        def download(self, package: str, count: int) -> Path:
            path = super().download(package, count)
            with (path / self.file.name).open("ab") as file:
                file.write(b"more")
            return path

    with pytest.raises(AsteriskError, match="SHA-256"):
        fetch.fetch(Tampered(tmp_path, "22.10.1"), latest=True)
    assert not lock.exists()


def test_what_a_killed_run_left_is_cleared_away(lock: Path, tmp_path: Path) -> None:
    leftover = tmp_path / "cache/ivr/asterisk/unpacking-1"
    leftover.mkdir(parents=True)
    fetch.fetch(FakeDebian(tmp_path, "22.10.1"), latest=True)
    assert not leftover.exists()


def test_two_at_once_fetch_once(lock: Path, tmp_path: Path) -> None:
    unstable = FakeDebian(tmp_path, "22.10.1")
    lock.write_text(
        fetch.lock_text([fetch.Package("asterisk", "1:22.10.1-1", NATIVE, unstable.plan("asterisk")[0][1])])
    )
    both = [threading.Thread(target=fetch.fetch, args=(unstable,)) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(30)
    assert unstable.asked == 1
    assert fetch.find_asterisk("").version == "22.10.1"


def test_an_asterisk_that_is_too_old_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "asterisk"
    old.write_text("#!/bin/sh\necho Asterisk 18.10.0\n")
    old.chmod(0o755)
    with pytest.raises(AsteriskError, match=r"18\.10\.0; needed is 20\.15, 21\.10, 22\.5 or later"):
        install.version_of((str(old),))


def test_a_named_asterisk_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AsteriskError, match="IVR_ASTERISK=/nowhere/asterisk: no such program"):
        fetch.find_asterisk("/nowhere/asterisk")
