"""What other users of the machine can read of an instance: nothing."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_file_of_an_instance_is_for_everybody(tmp_path: Path) -> None:
    data = tmp_path / "data"
    os.umask(0o022)
    subprocess.run(
        [sys.executable, "-m", "ivr.cli", "prepare"],
        env={**os.environ, "IVR_DATA": str(data)},
        cwd=ROOT,
        check=True,
    )
    made = [data, *data.rglob("*")]
    assert data / "ivr.db" in made
    assert [path for path in made if path.stat().st_mode & 0o007] == []
