"""The Asterisk that this suite runs on: the one `script/setup` fetched, or IVR_ASTERISK."""

import os

import pytest

from ivr.asterisk.fetch import find_asterisk
from ivr.asterisk.install import AsteriskInstall


@pytest.fixture(scope="session")
def asterisk_install() -> AsteriskInstall:
    return find_asterisk(os.environ.get("IVR_ASTERISK", ""))
