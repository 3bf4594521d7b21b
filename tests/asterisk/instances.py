"""Private Asterisks on free ports."""

import random
import socket
from pathlib import Path

from ivr.asterisk.conf import InstanceSettings
from ivr.prompts.tones import make_builtin


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def instance_settings(base: Path, system_name: str = "test") -> InstanceSettings:
    """For an Asterisk whose every file is under `base`."""
    if not (base / "sounds/moh").is_dir():
        make_builtin(base / "sounds")
    first = random.randrange(12000, 30000, 100)
    return InstanceSettings(
        base=base / "asterisk",
        sip=f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}",
        ari=f"127.0.0.1:{free_port(socket.SOCK_STREAM)}",
        rtp=(first, first + 98),
        sounds=base / "sounds",
        fallback_dir=base / "fallback",
        neutral_prompt=base / "prompts/neutral.wav",
        thanks_prompt=base / "prompts/thanks.wav",
        system_name=system_name,
    )
