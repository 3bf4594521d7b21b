"""`ivr … | head`: the reader has read enough, which is no error."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("days", ["1", "366"])
def test_a_reader_that_stops_early_is_no_error(tmp_path: Path, days: str) -> None:
    command = [sys.executable, "-m", "ivr.cli", "calendar", "ecforce", "--next", days]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "IVR_DATA": str(tmp_path)},
        check=False,
    )
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 141
