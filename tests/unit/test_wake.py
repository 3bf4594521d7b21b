import asyncio
import os
import socket
from pathlib import Path

from ivr.wake import WakeUp, wake


async def test_a_listener_is_woken(tmp_path: Path) -> None:
    woken = asyncio.Event()
    ear = WakeUp(tmp_path / "run", "engine")
    await ear.listen(woken.set)
    assert wake(tmp_path / "run", "engine")
    async with asyncio.timeout(60):
        await woken.wait()
    ear.close()


async def test_only_the_named_process_is_woken(tmp_path: Path) -> None:
    engine, jobs = asyncio.Event(), asyncio.Event()
    ears = [WakeUp(tmp_path, "engine"), WakeUp(tmp_path, "jobs")]
    await ears[0].listen(engine.set)
    await ears[1].listen(jobs.set)
    wake(tmp_path, "jobs")
    async with asyncio.timeout(60):
        await jobs.wait()
    assert not engine.is_set()
    for ear in ears:
        ear.close()


async def test_a_process_that_starts_again_is_found_at_its_new_port(tmp_path: Path) -> None:
    old = WakeUp(tmp_path, "engine")
    await old.listen(lambda: None)
    woken = asyncio.Event()
    new = WakeUp(tmp_path, "engine")
    await new.listen(woken.set)  # before the old one closes, so it gets another port
    old.close()
    wake(tmp_path, "engine")
    async with asyncio.timeout(60):
        await woken.wait()
    new.close()
    assert os.listdir(tmp_path) == ["engine.port"]


def test_nobody_listens_and_nothing_is_raised(tmp_path: Path) -> None:
    assert not wake(tmp_path / "missing", "engine")
    for content in ("", "no port", "99999999", "0"):
        (tmp_path / "engine.port").write_text(content)
        assert not wake(tmp_path, "engine")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        (tmp_path / "engine.port").write_text(str(free.getsockname()[1]))
    assert not wake(tmp_path, "engine")


def bound_udp_addresses() -> list[str]:
    return [line.split()[1] for line in Path("/proc/net/udp").read_text().splitlines()[1:]]


async def test_the_listener_is_reachable_from_this_machine_only(tmp_path: Path) -> None:
    ear = WakeUp(tmp_path, "engine")
    await ear.listen(lambda: None)
    port = int((tmp_path / "engine.port").read_text())
    assert f"0100007F:{port:04X}" in bound_udp_addresses()  # 127.0.0.1
    ear.close()
