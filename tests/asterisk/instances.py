"""Private Asterisks, and ports that nobody else on the machine takes."""

import os
import random
import socket
import subprocess
from pathlib import Path

from ivr.asterisk.conf import InstanceSettings
from ivr.asterisk.fetch import cache_dir
from ivr.prompts.tones import make_builtin
from ivr.settings import Address

# Below those that Linux gives away by itself; the driver takes its ports above them.
INSTANCES, TELEPHONES = range(10000, 20000, 200), range(20000, 25000, 20)


class Block:
    """Ports from `first` on, until `close` or the end of this process; the last of them tells other processes."""

    def __init__(self, blocks: range) -> None:
        held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for first in random.sample(blocks, len(blocks)):
            try:
                held.bind(("127.0.0.1", first + blocks.step - 1))
            except OSError:
                continue
            self.first, self._held = first, held.detach()
            return
        held.close()
        raise AssertionError("every block of ports is taken")

    def close(self) -> None:
        os.close(self._held)


class InstancePorts(Block):
    """Of one Asterisk and what runs around it."""

    def __init__(self) -> None:
        super().__init__(INSTANCES)
        self.rtp = (self.first, self.first + 179)
        # SIP over TLS is bound to the port after that of SIP.
        self.sip, self.ari, self.http, self.transcriber = (
            Address("127.0.0.1", self.first + offset) for offset in (180, 182, 183, 184)
        )


def instance_settings(base: Path, system_name: str = "test") -> InstanceSettings:
    """For an Asterisk whose every file is under `base`."""
    if not (base / "sounds/moh").is_dir():
        make_builtin(base / "sounds")
    ports = InstancePorts()
    return InstanceSettings(
        base=base / "asterisk",
        sip=str(ports.sip),
        ari=str(ports.ari),
        rtp=ports.rtp,
        sounds=base / "sounds",
        fallback_dir=base / "fallback",
        neutral_prompt=base / "prompts/neutral.wav",
        thanks_prompt=base / "prompts/thanks.wav",
        system_name=system_name,
    )


def without_broadcast(folder: Path) -> Path:
    """A cache (XDG_CACHE_HOME) with the Asterisk that was fetched, as one before 20.17 and 22.7 is: links to all but two files."""
    (folder / "ivr").mkdir(parents=True)
    subprocess.run(["cp", "-rs", cache_dir(), folder / "ivr" / "asterisk"], check=True)
    taken = list(folder.rglob("*stasis_broadcast*"))
    assert len(taken) >= 2
    for path in taken:
        path.unlink()
    return folder
