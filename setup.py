"""A wheel carries what a clone has beside the packages: it stands in `ivr/shipped/` there (`ivr.settings.shipped`)."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
SHIPPED = ("asterisk_conf", "dialplans", "packaging", "script/asterisk.lock")


class Build(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for name in SHIPPED:
            source, target = ROOT / name, Path(self.build_lib) / "ivr" / "shipped" / name
            if source.is_dir():
                shutil.copytree(
                    source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
                )
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)


setup(cmdclass={"build_py": Build})
